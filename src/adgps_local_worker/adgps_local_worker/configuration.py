"""Every number that a local update depends on."""

from __future__ import annotations

from dataclasses import dataclass

from adgps_local_worker.pi2 import COVARIANCES


@dataclass(frozen=True)
class LocalConfiguration:
    """Hyper-parameters of Algorithm 2.

    Parameters
    ----------
    kl_step : bound on KL(new || sampling policy) of LQR, per time step [nat].
    pi2_kl : bound on KL(weights || equal weights) of PI2 at each time step [nat].
    pi2_covariance : how PI2's covariances follow its rollouts, see `Pi2Settings`.
    pi2_smoothing : of the change of PI2's feed-forward actions over steps, see `Pi2Settings`.
    step_multiplier_max : most that the adaptive step size may scale kl_step.
    prior_components : components of the mixtures behind the regressions.
    prior_history : past iterations whose samples the mixtures see.
    prior_points : most of their transitions that a mixture is fitted to, drawn at random.
    prior_strength : pseudo-samples behind a mixture's moments.
    prior_iterations : steps of expectation-maximisation per update.
    multiplier_rate : α of λ_t ← λ_t + α ν_t (E[μ_π] - E_p[u]).
    kl_weight : initial ν_t; of MDGPS always.
    kl_weight_min, kl_weight_max : ν_t stays between these.
    initial_pull : joint angles, from the start pose, that the first local policy pulls to [rad].
    initial_stiffness : joint stiffness of the first local policy [N·m/rad], one a joint.
    initial_damping : joint damping of the first local policy [N·m·s/rad], one a joint.
    initial_noise : exploration noise of the first local policy [N·m], one a joint.
    demonstration_stiffness, demonstration_damping, demonstration_noise : the same of a first local
        policy that follows a demonstration.

    Raises
    ------
    ValueError
        If a number is out of its range, or the joint lists differ in length.
    """

    kl_step: float = 1.0
    pi2_kl: float = 1.0
    pi2_covariance: str = "damped"
    pi2_smoothing: float = 0.0
    step_multiplier_max: float = 3.0
    prior_components: int = 10
    prior_history: int = 4
    prior_points: int = 2000
    prior_strength: float = 1.0
    prior_iterations: int = 5
    multiplier_rate: float = 0.1
    kl_weight: float = 0.02
    kl_weight_min: float = 1e-4
    kl_weight_max: float = 1.0
    initial_pull: tuple[float, ...] = (0.0,) * 7
    initial_stiffness: tuple[float, ...] = (20.0, 20.0, 20.0, 20.0, 3.0, 3.0, 2.0)
    initial_damping: tuple[float, ...] = (5.0, 5.0, 4.0, 4.0, 0.0, 0.0, 0.0)
    initial_noise: tuple[float, ...] = (3.0, 3.0, 2.0, 2.0, 0.5, 0.5, 0.5)
    demonstration_stiffness: tuple[float, ...] = (20.0, 40.0, 10.0, 30.0, 4.0, 4.0, 4.0)
    demonstration_damping: tuple[float, ...] = (0.0, 8.0, 1.0, 3.0, 0.0, 0.0, 0.0)
    demonstration_noise: tuple[float, ...] = (0.5, 1.5, 0.5, 1.5, 0.3, 0.3, 0.2)

    def __post_init__(self) -> None:
        """Refuse what cannot work, naming it."""
        positive = (
            "kl_step",
            "pi2_kl",
            "step_multiplier_max",
            "prior_components",
            "prior_history",
            "prior_points",
        )
        for name in (*positive, "prior_iterations", "kl_weight_min"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        if self.pi2_covariance not in COVARIANCES:
            known = " or ".join(COVARIANCES)
            raise ValueError(f"pi2_covariance must be {known}, not {self.pi2_covariance}")
        for name in ("prior_strength", "multiplier_rate", "pi2_smoothing"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")
        if not self.kl_weight_min <= self.kl_weight <= self.kl_weight_max:
            raise ValueError("kl_weight must lie between kl_weight_min and kl_weight_max")
        for prefix in ("initial", "demonstration"):
            names = [name for name in vars(self) if name.startswith(f"{prefix}_")]
            if len({len(getattr(self, name)) for name in names}) != 1:
                raise ValueError(f"{', '.join(names)} need one number per joint")
            if min(getattr(self, f"{prefix}_noise")) <= 0:
                raise ValueError(f"{prefix}_noise must be positive: nothing is learned without it")
