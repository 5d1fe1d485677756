"""An account of the domain that a service on Windows is to log on as: given its right, tried, and explained.

What is played: the Local Security Authority, log-ons, the domain and its policies.
"""

from pathlib import Path

import pytest

from tests.scripts.windows.stubbed_windows import NEEDS_POWERSHELL, Ended, run

pytestmark = NEEDS_POWERSHELL

PASSWORD = "its-password-5f1c"
PLAYED = """
$known = @{ has_right = $false; keeps = $true; error = 0; state = 5; policies = @(); tried = '' }
function Test-Right { $known.has_right }
function Add-Right($sid) { Show-Call "Add-Right $sid"; $known.has_right = $known.keeps }
function Get-LogonError($domain, $name) { Show-Call "LogOn $domain $name"; $known.error }
function Get-ManagedState($name) { Show-Call "State $name"; $known.state }
function Get-CimInstance { $known.policies }
"""


def ended(tmp_path: Path, function: str = "create", *, account: str = "CORP\\svc", before: str = "") -> Ended:
    settings = {
        **{"account": account, "password": "" if account.endswith("$") else PASSWORD},
        "password_key": "workerAccountPassword-etl",
    }
    told = "function told { drift | ForEach-Object { Write-Line $_ } }"
    return run("service-account", tmp_path, settings, function, before=f"{PLAYED}\n{told}\n{before}")


def test_it_is_given_the_right_once_and_its_password_is_tried(tmp_path: Path) -> None:
    found = ended(tmp_path, "twice")
    assert found.lines == [
        "changed: CORP\\svc may log on as a service from now on",
        "unchanged: CORP\\svc may log on as a service",
    ]
    assert found.calls.splitlines() == ["Add-Right SID(CORP\\svc)", "LogOn CORP svc", "LogOn CORP svc"]


def test_a_managed_one_has_no_password_to_be_tried(tmp_path: Path) -> None:
    found = ended(tmp_path, account="CORP\\gmsa$")
    assert found.status == 0
    assert found.calls.splitlines() == ["Add-Right SID(CORP\\gmsa$)", "State gmsa"]


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (1326, "pulumi config set --secret workerAccountPassword-etl"),
        (1311, "No controller of its domain answers"),
        (1330, "has expired"),
        (1385, "Deny log on as a service"),
        (1909, "locked out"),
    ],
)
def test_one_that_cannot_log_on_is_told_why_before_anything_is_stopped(number: int, told: str, tmp_path: Path) -> None:
    found = ended(tmp_path, before=f"$known.error = {number}")
    assert found.status == 1
    assert f"CORP\\svc cannot log on here (error {number}), and no service was stopped for it." in found.errors
    assert told in found.errors
    assert PASSWORD not in found.errors + found.calls + "".join(found.lines)


@pytest.mark.parametrize(
    ("state", "told"), [(3, "PrincipalsAllowedToRetrieveManagedPassword"), (4, "Install-ADServiceAccount gmsa")]
)
def test_a_managed_one_that_this_host_may_not_use_is_told(state: int, told: str, tmp_path: Path) -> None:
    found = ended(tmp_path, account="CORP\\gmsa$", before=f"$known.state = {state}")
    assert found.status == 1
    assert told in found.errors


def test_one_of_which_windows_tells_nothing_is_taken_and_noted(tmp_path: Path) -> None:
    found = ended(tmp_path, account="CORP\\gmsa$", before="$known.state = 0")
    assert [line.partition(":")[0] for line in found.lines] == ["note", "changed"]
    assert "Test-ADServiceAccount gmsa" in found.lines[0]


def test_a_right_that_a_policy_takes_at_once_is_told(tmp_path: Path) -> None:
    found = ended(tmp_path, before="$known.keeps = $false")
    assert found.status == 1
    assert "some policy took it away at once" in found.errors
    assert "gpresult" in found.errors


@pytest.mark.parametrize(("names", "notes"), [(["CORP\\others", "*S-1-5-80-0"], 1), (["*S-1-5-80-0", "CORP\\svc"], 0)])
def test_a_policy_that_will_take_it_back_is_told(names: list[str], notes: int, tmp_path: Path) -> None:
    listed = ", ".join(f"'{name}'" for name in names)
    found = ended(tmp_path, before=f"$known.policies = @([pscustomobject] @{{ AccountList = @({listed}) }})")
    assert found.status == 0
    assert sum("does not name CORP\\svc" in line for line in found.lines) == notes


@pytest.mark.parametrize(
    ("before", "lines"),
    [
        ("", ["CORP\\svc: may not log on as a service"]),
        ("$known.has_right = $true", []),
        ("$known.policies = @([pscustomobject] @{ AccountList = @('CORP\\a group of it') })", []),
    ],
)
def test_a_right_that_is_gone_is_drift_unless_a_policy_gives_it(before: str, lines: list[str], tmp_path: Path) -> None:
    assert ended(tmp_path, "told", before=before).lines == lines


COMPILES = """
function told {
    if ($PSVersionTable.PSVersion.Major -gt 5 -and -not (Test-Path -LiteralPath "$PSHOME/ref")) { return }
    Add-Type -TypeDefinition $code
    foreach ($method in [PrefectAccount].GetMethods('Public, Static, DeclaredOnly')) { Write-Line $method.Name }
}
"""


def test_what_asks_windows_is_c_sharp_that_compiles(tmp_path: Path) -> None:
    found = ended(tmp_path, "told", before=COMPILES)
    assert (found.status, found.errors) == (0, "")
    if not found.lines:
        pytest.skip("this PowerShell has no reference assemblies, without which it compiles nothing")
    assert sorted(found.lines) == ["Grant", "LogOn", "Rights", "State"]
