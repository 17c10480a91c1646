from setuptools import find_packages, setup

package_name = "adgps_robot"

setup(
    name=package_name,
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={package_name: ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package_name}"]),
        (f"share/{package_name}", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    maintainer="ADGPS developers",
    maintainer_email="adgps@example.org",
    description="A robot's own nodes: torque controller, camera driver, IMU driver.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "camera_driver = adgps_robot.nodes.camera_driver:main",
            "feature_extractor = adgps_robot.nodes.feature_extractor:main",
            "imu_driver = adgps_robot.nodes.imu_driver:main",
            "reset_server = adgps_robot.nodes.reset_server:main",
            "torque_controller = adgps_robot.nodes.torque_controller:main",
            "torque_gate = adgps_robot.nodes.torque_gate:main",
        ],
    },
)
