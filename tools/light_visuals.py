"""Make the light meshes of the Panda that the simulated camera draws.

    ./adgps exec pip install fast-simplification==0.2.0
    ./adgps exec python tools/light_visuals.py src/adgps_sim/adgps_sim/drawing/panda.npz

PyBullet's own have 100 000 triangles, most of them smaller than a pixel. Each colour of a link is
simplified by itself, and normals are taken from the original, so that shading stays smooth. What
is not white lies on what is, and is lifted a little, so that it is still on top.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pybullet_data
from numpy.typing import NDArray
from scipy.spatial import cKDTree

MESHES = Path(pybullet_data.getDataPath()) / "franka_panda" / "meshes"
TRIANGLES = {  # so many that they lie within 3 mm of the originals, about a pixel
    **dict.fromkeys(("visual/link1", "visual/link2"), 600),
    **dict.fromkeys(("visual/link3", "visual/link4", "visual/link5", "visual/link6"), 1500),
    **{"visual/hand": 1500, "visual/finger": 400, "collision/link0": 200, "collision/link7": 200},
}
PALETTE = np.array([[1.0, 1.0, 1.0], [0.51, 0.52, 0.54], [0.38, 0.38, 0.4], [0.04, 0.54, 0.78]])
LIFT = 0.001  # [m]
CREASE = np.cos(np.radians(40))  # of faces with a smaller angle between them normals are averaged
TURN = 0.02  # [m] that a point of another side counts as further away

Array = NDArray[Any]


@dataclass(frozen=True)
class Part:
    """Triangles of one material: vertices (N, 3) [m], faces (F, 3), colour (3,)."""

    vertices: Array
    faces: Array
    colour: Array


def read(path: Path) -> list[Part]:
    """Parts of an OBJ file, each with its material's colour, or its texture's where it has one."""
    vertices: list[list[float]] = []
    texels: list[list[float]] = []
    corners: dict[str, list[list[list[str]]]] = {"": []}
    material = ""
    for line in path.read_text().splitlines():
        key, *words = line.split() or [""]
        if key == "v":
            vertices.append([float(word) for word in words])
        elif key == "vt":
            texels.append([float(word) for word in words])
        elif key == "usemtl":
            material = words[0]
        elif key == "f":
            corners.setdefault(material, []).append([word.split("/") for word in words])
    colours = _colours(path.with_suffix(".mtl"))
    parts = []
    for material, faces in corners.items():
        if not faces:
            continue
        colour, texture = colours.get(material, (np.ones(3), None))
        used = [int(corner[1]) - 1 for face in faces for corner in face if corner[1]]
        if texture is not None and used:
            places = np.array(texels)[used] % 1 * (np.array(texture.shape[1::-1]) - 1)
            colour = np.median(texture[::-1][places[:, 1].astype(int), places[:, 0].astype(int)], 0)
        indices = np.array([[int(corner[0]) - 1 for corner in face] for face in faces])
        parts.append(Part(np.array(vertices), indices, colour))
    return parts


def _colours(path: Path) -> dict[str, tuple[Array, Array | None]]:
    """Colour (3,) and texture (height, width, 3), if any, of each material in an MTL file."""
    found: dict[str, tuple[Array, Array | None]] = {}
    name = ""
    for line in path.read_text().splitlines() if path.exists() else ():
        key, *words = line.split() or [""]
        if key == "newmtl":
            name = words[0]
        elif key == "Kd":
            found[name] = (np.array(words, dtype=float), None)
        elif key == "map_Kd":
            image = cv2.imread(str(path.with_name(words[0])))
            if image is None:
                raise ValueError(f"{path} names a texture that cannot be read: {words[0]}")
            found[name] = (found[name][0], image[..., ::-1] / 255)
    return found


def merged(parts: list[Part]) -> tuple[Array, Array]:
    """Vertices (N, 3), no two at one place, and faces (F, 3) of parts."""
    corners = np.concatenate([part.vertices[part.faces] for part in parts]).reshape(-1, 3)
    _, first, faces = np.unique(
        np.round(corners * 1e6), axis=0, return_index=True, return_inverse=True
    )
    return corners[first], faces.reshape(-1, 3)


def crossed(vertices: Array, faces: Array) -> tuple[Array, Array]:
    """Normals (F, 3) of faces, as long as twice their areas, and of length 1."""
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    normals = np.cross(b - a, c - a)
    return normals, unit(normals)


def unit(vectors: Array) -> Array:
    """Vectors (..., 3) of length 1."""
    directions: Array = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return directions


def smooth_normals(vertices: Array, faces: Array) -> Array:
    """Normals (F, 3, 3) at the corners: means over the neighbours that a crease does not part."""
    normals, directions = crossed(vertices, faces)
    order = np.argsort(faces.ravel(), kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(faces.ravel()[order])) + 1)
    smooth = np.zeros((faces.size, 3))
    for group in groups:
        around = group // 3
        near = directions[around] @ directions[around].T > CREASE
        smooth[group] = near @ normals[around]
    return unit(smooth).reshape(-1, 3, 3)


def simplified(vertices: Array, faces: Array, share: float) -> tuple[Array, Array, Array]:
    """Fewer triangles: vertices (N, 3), faces (F, 3), and normals (F, 3, 3) of the original."""
    import fast_simplification  # of nobody but who makes the meshes anew

    original = smooth_normals(vertices, faces)
    tree = cKDTree(
        np.hstack(
            [vertices[faces.ravel()], TURN * np.repeat(crossed(vertices, faces)[1], 3, axis=0)]
        )
    )
    if share < 1.0:
        vertices, faces = fast_simplification.simplify(
            vertices.astype(np.float32), faces.astype(np.int32), 1.0 - share, agg=5.0
        )
    where = np.hstack(
        [vertices[faces.ravel()], TURN * np.repeat(crossed(vertices, faces)[1], 3, axis=0)]
    )
    return vertices, faces, original.reshape(-1, 3)[tree.query(where)[1]].reshape(-1, 3, 3)


def light(path: Path, count: int) -> dict[str, Array]:
    """About that many triangles: vertices [0.1 mm], normals [1/127], index in PALETTE, faces."""
    parts = read(path)
    nearest = [int(np.argmin(np.linalg.norm(PALETTE - part.colour, axis=1))) for part in parts]
    share = min(1.0, count / sum(len(part.faces) for part in parts))
    rows = []
    for colour in sorted(set(nearest)):
        same = [part for part, index in zip(parts, nearest, strict=True) if index == colour]
        vertices, faces, normals = simplified(*merged(same), share)
        places = vertices[faces] + (LIFT * normals if colour else 0.0)
        rounded = np.concatenate([1e4 * places, 127 * normals], axis=-1).reshape(-1, 6)
        rows.append(np.hstack([np.round(rounded), np.full((len(rounded), 1), colour)]))
    unique, faces = np.unique(np.concatenate(rows), axis=0, return_inverse=True)
    return {
        "vertices": unique[:, :3].astype(np.int16),
        "normals": unique[:, 3:6].astype(np.int8),
        "colours": unique[:, 6].astype(np.uint8),
        "faces": faces.reshape(-1, 3).astype(np.uint16),
    }


def main() -> None:
    """Write the file that is named."""
    arrays = {"palette": PALETTE}
    for name, count in TRIANGLES.items():
        mesh = light(MESHES / f"{name}.obj", count)
        print(f"{name}: {len(mesh['faces'])} triangles")
        arrays |= {f"{name}/{key}": values for key, values in mesh.items()}
    np.savez_compressed(sys.argv[1], allow_pickle=False, **arrays)
    print(f"{sys.argv[1]}: {Path(sys.argv[1]).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
