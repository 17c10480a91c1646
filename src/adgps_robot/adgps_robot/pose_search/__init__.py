"""Where a thing of known shape is, from one depth image (paper, section V-B: the door's pose).

`mesh.py` is the shape, `depth_camera.py` what a camera sees, `cloud.py` points with normals and
rims, `registration.py` fits one cloud to another, `agreement.py` judges, `search.py` joins them.
"""
