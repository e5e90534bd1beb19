"""What tests need from npm: Pulumi's SDK and a compiler for the TypeScript SDK that `pulumi package add` generates, and
dockerode, a client of the Docker API that is not Docker's.

`python -m lab.engine.typescript` is the step of set-up: npm installs them, once.
"""

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

from lab.engine import toolchain

_PACKAGES = {
    "@pulumi/pulumi": "3.270.0",
    "@types/node": "20.19.25",
    "dockerode": "4.0.9",
    "typescript": "5.9.3",
}
_COMPILER = {
    "module": "nodenext",
    "moduleResolution": "nodenext",
    "noEmit": True,
    "skipLibCheck": True,
    "strict": True,
    "target": "ES2022",
    "types": ["node"],
}


def find() -> Path | None:
    """The folder of the installed packages, if they are installed."""
    return _place() if _place().exists() else None


def ensure() -> Path:
    """The same, installed first (half a minute); raises toolchain.Missing."""
    place = _place()
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            if shutil.which("npm") is None:
                raise toolchain.Missing("there is no npm: install Node.js 20 or newer (https://nodejs.org)")
            unfinished = place.with_suffix(".new")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            wanted = {"private": True, "dependencies": _PACKAGES}
            (unfinished / "package.json").write_text(json.dumps(wanted))
            command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            done = subprocess.run(command, cwd=unfinished, capture_output=True, text=True, check=False)
            if done.returncode:
                raise toolchain.Missing(
                    f"npm could not install {', '.join(_PACKAGES)}:\n{done.stderr[-1000:]}"
                )
            unfinished.rename(place)
    toolchain.ensure(toolchain.NODEJS_SDK)
    return place


def compiled(schema: Path, program: str, folder: Path) -> str:
    """What the compiler says of a program beside the SDK of a schema (`./sdk`); nothing if it is right."""
    packages = ensure()
    subprocess.run([toolchain.ensure(toolchain.NODEJS_SDK), schema, folder / "sdk"], check=True)
    (folder / "node_modules").symlink_to(packages / "node_modules")
    (folder / "program.ts").write_text(program)
    settings = {"compilerOptions": _COMPILER, "files": ["program.ts"]}
    (folder / "tsconfig.json").write_text(json.dumps(settings))
    done = subprocess.run(["node_modules/.bin/tsc", "-p", "."], cwd=folder, capture_output=True, text=True)
    return done.stdout + done.stderr


def _place() -> Path:
    made_from = hashlib.sha256(json.dumps(_PACKAGES).encode()).hexdigest()[:16]
    return toolchain.cache() / f"typescript-{made_from}"


if __name__ == "__main__":
    try:
        ensure()
    except toolchain.Missing as error:
        sys.exit(f"setup: {error}")
