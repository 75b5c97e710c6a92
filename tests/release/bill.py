"""Whether a bill of materials is one: by the JSON schema that CycloneDX publishes with its own library."""

import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def main():
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    errors = list(JsonStrictValidator(SchemaVersion.V1_6).validate_str(text, all_errors=True) or [])
    for error in errors:
        print(error)
    sys.exit(1 if errors else 0)


main()
