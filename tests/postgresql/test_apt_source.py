"""The file that tells apt of a package source for PostgreSQL."""

from components.postgresql.apt_source import AptSource, sources_file

KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQINBE6XR8IBEACVdDKT\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"
SIGNED_BY = (
    "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBE6XR8IBEACVdDKT\n =abcd\n"
    " -----END PGP PUBLIC KEY BLOCK-----\n"
)


def test_a_source_with_components_is_signed_by_its_own_key_alone() -> None:
    source = AptSource(line="deb https://apt.postgresql.org/pub/repos/apt bookworm-pgdg main 17", signing_key=KEY)

    assert sources_file(source) == (
        "Types: deb\nURIs: https://apt.postgresql.org/pub/repos/apt\nSuites: bookworm-pgdg\nComponents: main 17\n"
        + SIGNED_BY
    )


def test_a_directory_of_packages_has_no_components() -> None:
    source = AptSource(line="deb [arch=amd64,arm64] file:/srv/mirror ./", signing_key=KEY)

    assert sources_file(source) == (
        "Types: deb\nURIs: file:/srv/mirror\nSuites: ./\nArchitectures: amd64 arm64\n" + SIGNED_BY
    )
