"""Prints the program of a language that README.md shows, for the company file $UMOJA_COMPANY and the first of $UMOJA_REGIONS.

    python3 sdk/test/readme.py python|ts|rust|php|go|java
"""

import os
import pathlib
import re
import sys

# What a file needs around the lines of the page.
AROUND = {
    "python": "{}",
    "ts": "{}",
    "rust": "#[tokio::main]\nasync fn main() -> Result<(), Box<dyn std::error::Error>> {{\n{}Ok(())\n}}\n",
    "php": "<?php\nrequire 'vendor/autoload.php';\n{}",
    "go": 'package main\nimport ("context"; "fmt"; "log"; "umoja.dev/sdk/go")\nfunc main() {{\nctx := context.Background()\n{}'
    "if err != nil {{ log.Fatal(err) }}\n}}\n",
    "java": "import dev.umoja.sdk.Umoja;\nimport dev.umoja.sdk.model.*;\nimport java.nio.file.Path;\n"
    "class Readme {{ public static void main(String[] none) throws Exception {{\n{}}} }}\n",
}


def main(language: str) -> None:
    page = (pathlib.Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    program = AROUND[language].format(block)
    for shown, meant in (("soko.json", os.environ["UMOJA_COMPANY"]), ("http://127.0.0.1:7300", os.environ["UMOJA_REGIONS"].split()[0])):
        assert shown in program, shown
        program = program.replace(shown, meant)
    print(program)


if __name__ == "__main__":
    main(sys.argv[1])
