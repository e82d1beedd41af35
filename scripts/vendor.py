#!/usr/bin/env python3
"""Copy what the pages and the PDFs use of the npm packages into static/vendor/, which git does not keep."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "static" / "vendor"

DESIGN = MODULES / "@digdir" / "designsystemet-css"
WEB_FONT = MODULES / "@fontsource-variable" / "inter"
PDF_FONT = MODULES / "@fontsource" / "inter"
PDF_CUTS = ["400-normal", "400-italic", "600-normal", "700-normal"]


def wanted() -> dict[str, Path]:
    """Path below static/vendor/ → file in node_modules/."""
    files = {
        "designsystemet/theme.css": DESIGN / "dist" / "theme" / "designsystemet.css",
        "designsystemet/index.css": DESIGN / "dist" / "src" / "index.css",
        "inter/index.css": WEB_FONT / "index.css",
        "inter/LICENSE": WEB_FONT / "LICENSE",
        "inter-static/LICENSE": PDF_FONT / "LICENSE",
    }
    for font in sorted((WEB_FONT / "files").glob("inter-*-wght-normal.woff2")):
        files[f"inter/files/{font.name}"] = font
    for part in ("latin", "latin-ext"):
        for cut in PDF_CUTS:
            name = f"inter-{part}-{cut}.woff2"
            files[f"inter-static/{name}"] = PDF_FONT / "files" / name
    return files


def main() -> None:
    shutil.rmtree(VENDOR, ignore_errors=True)
    for name, source in wanted().items():
        target = VENDOR / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    (VENDOR / ".built").touch()


if __name__ == "__main__":
    main()
