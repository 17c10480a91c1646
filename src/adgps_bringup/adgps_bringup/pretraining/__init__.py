"""`pretrain door`: from a simulated door to a vision network that tells poses (section V-B).

`plan.py` says what is collected, `studio.py` is a robot's camera and arm, `labelling.py` finds the
door in depth images, `doors.py` and `practice.py` collect images, `collecting.py` has several
processes do so, `learning.py` trains, `outcome.py` measures, `pictures.py` draws, `pipeline.py`
joins them. Each stage leaves files that are written whole: whoever comes later goes on from there.
"""
