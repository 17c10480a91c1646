from setuptools import find_packages, setup

package_name = "adgps_local_worker"

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
    description="Algorithm 2: trajectory-centric reinforcement learning of one robot.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": ["local_worker = adgps_local_worker.nodes.local_worker:main"],
    },
)
