#!/usr/bin/env python3
"""Copy what the pages and the PDFs use of the npm packages into static/vendor/, which git does not keep."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "static" / "vendor"

DESIGN = MODULES / "@digdir" / "designsystemet-css"
WEB_FONT = MODULES / "@fontsource-variable" / "inter"
PDF_FONT = (
    MODULES / "inter-ui"
)  # whole, for names in other letters and for signs as ≥, which the font of the pages leaves out
PDF_CUTS = ["Regular", "Italic", "SemiBold", "Bold"]
PDF_ARABIC = MODULES / "@fontsource" / "noto-sans-arabic"


def wanted() -> dict[str, Path]:
    """Path below static/vendor/ → file in node_modules/."""
    files = {
        "designsystemet/theme.css": DESIGN / "dist" / "theme" / "designsystemet.css",
        "designsystemet/index.css": DESIGN / "dist" / "src" / "index.css",
        "inter/index.css": WEB_FONT / "index.css",
        "inter/LICENSE": WEB_FONT / "LICENSE",
        "print/Inter-LICENSE": PDF_FONT / "LICENSE.txt",
        "print/NotoSansArabic-LICENSE": PDF_ARABIC / "LICENSE",
    }
    for font in sorted((WEB_FONT / "files").glob("inter-*-wght-normal.woff2")):
        files[f"inter/files/{font.name}"] = font
    for cut in PDF_CUTS:
        files[f"print/Inter-{cut}.woff2"] = PDF_FONT / "web" / f"Inter-{cut}.woff2"
    for weight in (400, 600):
        files[f"print/NotoSansArabic-{weight}.woff2"] = (
            PDF_ARABIC / "files" / f"noto-sans-arabic-arabic-{weight}-normal.woff2"
        )
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
