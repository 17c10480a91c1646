from setuptools import find_packages, setup

package_name = "adgps_sim"

setup(
    name=package_name,
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={package_name: ["py.typed", "drawing/*.npz"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package_name}"]),
        (f"share/{package_name}", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    maintainer="ADGPS developers",
    maintainer_email="adgps@example.org",
    description="PyBullet in place of the arms.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "guided_robot = adgps_sim.nodes.guided_robot:main",
            "sim_robot = adgps_sim.nodes.sim_robot:main",
        ],
    },
)
