"""Find a thing of known shape in a depth image.

Point-pair features (Drost, Ulrich, Navab, Ilic, "Model globally, match locally", CVPR 2010; here
OpenCV's, `cv2.ppf_match_3d`) propose poses: pairs of points of the scene vote for where the model
would have to be. A door is nearly a plane, whose pairs are all alike and vote for everything.
Therefore only points at rims take part, with directions half-way between the surface's normal and
the way beyond the rim; Choi et al., "Voting-based pose estimation for robotic assembly using a 3D
sensor", ICRA 2012, take boundary points for the same reason. The best proposals are fitted to the
scene, and judged by what the camera would see of the model there.

With a camera of 320 x 240 pixels a search takes one second or two. What is thinner than three
pixels is lost to the filter against noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from adgps_core.typing import Array, Array32
from adgps_robot.pose_search.agreement import agreement
from adgps_robot.pose_search.cloud import scan, thinned
from adgps_robot.pose_search.depth_camera import DepthCamera
from adgps_robot.pose_search.mesh import Mesh
from adgps_robot.pose_search.registration import Scene, nearness, refine

FILTER = 5
"""Side of the median filter against noise and missing pixels [pixel]."""
QUARTER_TURNS = [
    np.block([[Rotation.from_euler("z", angle).as_matrix(), np.zeros((3, 1))], [np.eye(4)[3:]]])
    for angle in np.pi * np.array([0.5, 1.0, 1.5])
]
"""About the line of sight; poses that outlines alone hardly tell apart."""
FEWEST_RIMS = 20
"""Points at rims without which nothing can be told from anything else."""


@dataclass(frozen=True)
class SearchSettings:
    """How to search.

    Parameters
    ----------
    sampling : distance of sampled points, as a part of the model's diameter.
    scene_part : one in how many of the scene's sampled points votes.
    jump : surfaces whose depths differ by more are two [m].
    tolerance : how near the model must be to what the camera saw, to agree with it [m].
    greatest_turn : largest angle between the model as found and as typical [rad]; a door is never
        seen from behind, and its outline alone would not tell.
    candidates : how many poses, those with the most votes, are looked at.
    proposals : how many of these are fitted.
    least_score : a pose with a lower score is none.
    finalists : how many of these are fitted once more, to what the camera would see.
    points : of the model's surface, and as many of its rims, that are fitted.

    Raises
    ------
    ValueError
        If a number cannot be.
    """

    sampling: float = 0.025
    scene_part: int = 1
    jump: float = 0.015
    tolerance: float = 0.01
    greatest_turn: float = np.pi / 2
    candidates: int = 120
    proposals: int = 20
    least_score: float = 0.75
    finalists: int = 3
    points: int = 200

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not 0 < self.sampling < 0.5 or not 0 < self.least_score < 1:
            raise ValueError(f"sampling and least score must be parts of one: {self}")
        if (
            min(
                self.scene_part,
                self.jump,
                self.tolerance,
                self.proposals,
                self.finalists,
                self.points,
            )
            <= 0
        ):
            raise ValueError(f"settings of a search must be positive: {self}")
        if min(self.candidates, self.proposals, self.finalists) < 1:
            raise ValueError(f"numbers of poses must be positive: {self}")


@dataclass(frozen=True)
class FoundPose:
    """Where a model was found.

    Parameters
    ----------
    T_CM : (4, 4) from the model's frame to the camera's [m].
    score : between 0 and 1, how well the camera's image agrees with the model there.
    """

    T_CM: Array
    score: float


class PoseSearch:
    """Looks for one model with one camera.

    Parameters
    ----------
    mesh : the model.
    camera : the depth camera.
    typical : (4, 4) T_CM of a typical view. Where it is does not confine the search; how it is
        turned does, by `greatest_turn`, and what cannot be seen from there plays no part.
    settings : how to search.

    Raises
    ------
    ValueError
        If hardly anything can be seen of the model in the typical view.
    RuntimeError
        If this OpenCV has no point-pair features.
    """

    def __init__(
        self,
        mesh: Mesh,
        camera: DepthCamera,
        typical: Array,
        settings: SearchSettings = SearchSettings(),
    ) -> None:
        """Learn the model's point pairs."""
        if not hasattr(cv2, "ppf_match_3d"):
            raise RuntimeError(
                "this OpenCV has no point-pair features (module surface_matching):"
                " pip install opencv-contrib-python-headless"
            )
        self._mesh, self._camera, self._settings = mesh, camera, settings
        seen = scan(camera.render(mesh, typical), camera, settings.jump)
        # OpenCV clusters proposals by the angle of their rotation alone, whatever its axis. Seen in
        # a frame that is turned like the camera, poses near the typical one have small angles.
        self._centred = typical.copy()
        self._centred[:3, 3] = -typical[:3, :3] @ mesh.centre
        model = seen.moved(self._centred @ np.linalg.inv(typical))
        if len(model.rims.points) < FEWEST_RIMS:
            raise ValueError("hardly a rim of the model is seen in the typical view")
        self._detector = cv2.ppf_match_3d.PPF3DDetector(settings.sampling, settings.sampling)
        self._detector.trainModel(model.rims.bevels)
        self._model = thinned(model, settings.points)

    def find(self, depth: Array32) -> FoundPose | None:
        """Find the model in a depth image (height, width) [m], 0 where nothing was seen.

        Returns
        -------
        The best pose, or None if there is none that agrees with the image.

        Raises
        ------
        ValueError
            If the image has another size than the camera's.
        """
        size = self._camera.height, self._camera.width
        if depth.shape != size:
            raise ValueError(f"depth image is {depth.shape}, the camera's are {size}")
        depth = np.where(np.isfinite(depth) & (depth > 0), depth, 0).astype(np.float32)
        depth = np.asarray(cv2.medianBlur(depth, FILTER), dtype=np.float32)
        scene = Scene(depth, scan(depth, self._camera, self._settings.jump))
        if len(scene.rims.points) < FEWEST_RIMS:
            return None
        found = self._fitted(self._proposals(scene), scene)[: self._settings.finalists]
        if found:
            # Lying on its side or standing on its head, a door has nearly the same outline.
            best = found[0].T_CM @ np.linalg.inv(self._centred)
            turned = self._upright([best @ turn for turn in QUARTER_TURNS])
            found += self._fitted(turned, scene)
        found = self._rated([self._refined(pose.T_CM, scene) for pose in found], scene)
        return found[0] if found and found[0].score >= self._settings.least_score else None

    def _proposals(self, scene: Scene) -> list[Array]:
        """Poses of the centred model that are worth fitting.

        Poses that differ little share their votes, so that the best need not have the most.
        """
        part = 1.0 / self._settings.scene_part
        results = self._detector.match(scene.rims.bevels, part, self._settings.sampling)
        poses = self._upright([np.array(result.pose) for result in results])
        poses = poses[: self._settings.candidates]
        reach = 5.0 * self._settings.tolerance
        poses.sort(key=lambda T: -nearness(self._model, scene, T, reach))
        return poses[: self._settings.proposals]

    def _upright(self, poses: list[Array]) -> list[Array]:
        """Those poses of the centred model that are not turned too far."""
        turns = (Rotation.from_matrix(T[:3, :3]).magnitude() for T in poses)
        greatest = self._settings.greatest_turn
        return [T for T, turn in zip(poses, turns, strict=True) if turn <= greatest]

    def _fitted(self, proposals: list[Array], scene: Scene) -> list[FoundPose]:
        """Fit the model as it is seen typically, at poses of the centred one; the best first."""
        reaches = self._settings.tolerance * np.geomspace(6.0, 2.0, 8)
        poses = [refine(self._model, scene, T, reaches) @ self._centred for T in proposals]
        return self._rated(poses, scene)

    def _refined(self, T: Array, scene: Scene) -> Array:
        """Fit what can be seen of the model from just there."""
        for reach in self._settings.tolerance * np.array([2.0, 1.0, 0.7]):
            seen = scan(self._camera.render(self._mesh, T), self._camera, self._settings.jump)
            if not len(seen.points):
                return T
            there = thinned(seen, self._settings.points).moved(np.linalg.inv(T).astype(np.float64))
            T = refine(there, scene, T, np.full(4, reach))
        return T

    def _rated(self, poses: list[Array], scene: Scene) -> list[FoundPose]:
        """Poses with their scores, the best first."""
        camera, jump, tolerance = self._camera, self._settings.jump, self._settings.tolerance
        rated = [
            FoundPose(T, agreement(camera.render(self._mesh, T), camera, scene, jump, tolerance))
            for T in poses
        ]
        return sorted(rated, key=lambda pose: -pose.score)
