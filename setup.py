"""What a wheel holds; pyproject.toml says the rest. Two folders beside the package go into it: see attention/core/paths.py."""

from setuptools import find_packages, setup

SHIPPED = {"attention.shipped.data.results": "data/results", "attention.shipped.samples": "samples"}

setup(
    packages=[*find_packages(include=["attention", "attention.*"]), *SHIPPED],
    package_dir=SHIPPED,
    package_data={
        "attention": ["py.typed", "words/*", "web/templates/*", "web/static/*"],
        "attention.shipped.data.results": ["**/*.csv", "**/*.json", "**/*.npz"],
        "attention.shipped.samples": ["*.jpg", "samples.json", "SOURCES.md"],
    },
    exclude_package_data={"": ["*.pyi"]},  # stubs that gradio writes beside a component
    include_package_data=False,
)
