"""Which folders are packages; everything else about the project stands in pyproject.toml.

``envs/``, ``baselines/`` and ``leaderboard/`` lie beside ``colllm_bench/`` and import as
``colllm_bench.envs`` and so on, which setuptools' own search for packages cannot express.
"""

from setuptools import find_packages, setup

BESIDE = ("envs", "baselines", "leaderboard")

packages = find_packages(include=["colllm_bench", "colllm_bench.*"])
for folder in BESIDE:
    packages += [f"colllm_bench.{name}" for name in (folder, *(
        f"{folder}.{name}" for name in find_packages(folder)
    ))]

setup(
    packages=packages,
    package_dir={f"colllm_bench.{folder}": folder for folder in BESIDE},
    package_data={"": ["*.json", "*.json.gz", "*.toml", "*.txt", "*.txt.gz", "assets/*",
                       "errata.md", "presets/*", "py.typed", "tiny/**/*", "tuned/**/*"]},
)
