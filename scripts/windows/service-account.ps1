# An account of the domain, or of this host, that a service is to log on as: it is there, it may log on as a service, and its
# password is the right one. All that is told before a service is stopped. There is no delete: others may need the right, too.

$right = 'SeServiceLogonRight'

# By what Windows says of an attempt to log on: https://learn.microsoft.com/windows/win32/debug/system-error-codes
$reasons = @{
    1311 = 'No controller of its domain answers: see that this host reaches one (nltest /dsgetdc:DOMAIN).'
    1326 = "The name or the password is wrong. Set the one that it has: pulumi config set --secret $password_key"
    1327 = 'It may not log on with an empty password, at this hour or here: see its restrictions in the domain.'
    1328 = 'It may not log on at this hour: see its logon hours in the domain.'
    1329 = 'It may not log on to this host: see the list of computers that it may log on to, in the domain.'
    1330 = "Its password has expired. Give it another one, then: pulumi config set --secret $password_key"
    1331 = 'It is disabled. Have it enabled.'
    1385 = "It may not log on as a service, though it was given the right: a policy has 'Deny log on as a service' for it or a group of it."
    1789 = 'This host has lost the trust of its domain: see Test-ComputerSecureChannel.'
    1793 = 'It has expired. Have its date moved in the domain.'
    1907 = 'Its password must be changed at the first log-on, which a service cannot do. Change it, and set it here.'
    1909 = 'It is locked out, as wrong passwords were tried. Have it unlocked, and see by whom.'
}

$code = @'
using System;
using System.ComponentModel;
using System.Runtime.InteropServices;

public static class PrefectAccount
{
    [StructLayout(LayoutKind.Sequential)]
    struct Text { public ushort Length; public ushort Room; public IntPtr Characters; }

    [StructLayout(LayoutKind.Sequential)]
    struct Attributes { public int Length; public IntPtr Root; public IntPtr Name; public int Flags; public IntPtr Descriptor; public IntPtr Quality; }

    [DllImport("advapi32.dll")]
    static extern int LsaOpenPolicy(IntPtr system, ref Attributes attributes, int access, out IntPtr policy);
    [DllImport("advapi32.dll")]
    static extern int LsaAddAccountRights(IntPtr policy, byte[] sid, Text[] rights, int count);
    [DllImport("advapi32.dll")]
    static extern int LsaEnumerateAccountRights(IntPtr policy, byte[] sid, out IntPtr rights, out int count);
    [DllImport("advapi32.dll")]
    static extern int LsaNtStatusToWinError(int status);
    [DllImport("advapi32.dll")]
    static extern int LsaFreeMemory(IntPtr memory);
    [DllImport("advapi32.dll")]
    static extern int LsaClose(IntPtr policy);
    [DllImport("advapi32.dll", CharSet = CharSet.Unicode, SetLastError = true)]
    static extern bool LogonUser(string name, string domain, string password, int type, int provider, out IntPtr token);
    [DllImport("kernel32.dll")]
    static extern bool CloseHandle(IntPtr handle);
    [DllImport("logoncli.dll", CharSet = CharSet.Unicode)]
    static extern int NetQueryServiceAccount(string server, string name, int level, out IntPtr information);
    [DllImport("netapi32.dll")]
    static extern int NetApiBufferFree(IntPtr memory);

    // to look names up, and to make an account known that has no right yet
    const int LookUpNames = 0x800, CreateAccount = 0x10;
    // there is none of that name, which is how an account without rights looks
    const int NotFound = 2;
    const int AsService = 5;

    static void Check(int status)
    {
        int error = LsaNtStatusToWinError(status);
        if (error != 0) throw new Win32Exception(error);
    }

    static IntPtr Open()
    {
        Attributes none = new Attributes();
        IntPtr policy;
        Check(LsaOpenPolicy(IntPtr.Zero, ref none, LookUpNames | CreateAccount, out policy));
        return policy;
    }

    public static void Grant(byte[] sid, string right)
    {
        IntPtr policy = Open(), characters = Marshal.StringToHGlobalUni(right);
        try
        {
            ushort length = (ushort)(right.Length * 2);
            Text[] rights = { new Text { Length = length, Room = length, Characters = characters } };
            Check(LsaAddAccountRights(policy, sid, rights, 1));
        }
        finally { Marshal.FreeHGlobal(characters); LsaClose(policy); }
    }

    public static string[] Rights(byte[] sid)
    {
        IntPtr policy = Open(), found = IntPtr.Zero;
        try
        {
            int count;
            int status = LsaEnumerateAccountRights(policy, sid, out found, out count);
            if (LsaNtStatusToWinError(status) == NotFound) return new string[0];
            Check(status);
            string[] names = new string[count];
            for (int index = 0; index < count; index++)
            {
                IntPtr place = new IntPtr(found.ToInt64() + index * Marshal.SizeOf(typeof(Text)));
                Text text = (Text)Marshal.PtrToStructure(place, typeof(Text));
                names[index] = Marshal.PtrToStringUni(text.Characters, text.Length / 2);
            }
            return names;
        }
        finally { if (found != IntPtr.Zero) LsaFreeMemory(found); LsaClose(policy); }
    }

    // 0, or the number of the error that Windows gives for it
    public static int LogOn(string name, string domain, string password)
    {
        IntPtr token;
        if (!LogonUser(name, domain, password, AsService, 0, out token)) return Marshal.GetLastWin32Error();
        CloseHandle(token);
        return 0;
    }

    // of a managed account, as MSA_INFO_STATE has it; 0 where Windows does not tell
    public static int State(string name)
    {
        IntPtr information;
        if (NetQueryServiceAccount(null, name, 0, out information) != 0) return 0;
        try { return Marshal.ReadInt32(information); }
        finally { NetApiBufferFree(information); }
    }
}
'@

function create {
    $sid = Get-Sid $account
    $before = Test-Right $sid
    if (-not $before) { Add-Right $sid }
    if (-not (Test-Right $sid)) { fail "$account was given the right to log on as a service, and has not got it: some policy took it away at once. $(Get-Advice)" }
    Test-Policy $sid
    if ($account.EndsWith('$')) { Test-ManagedAccount } else { Test-Password }
    if ($before) { unchanged "$account may log on as a service" } else { changed "$account may log on as a service from now on" }
}

# Where a policy gives the right, it may have it by a group, and not by itself.
function drift {
    if (@(Get-Policy).Count -eq 0 -and -not (Test-Right (Get-Sid $account))) { "${account}: may not log on as a service" }
}

function Get-Bytes($sid) {
    $identifier = New-Object Security.Principal.SecurityIdentifier($sid)
    $bytes = New-Object byte[] $identifier.BinaryLength
    $identifier.GetBinaryForm($bytes, 0)
    , $bytes
}

# Test-Right SID: whether this account itself has it; what it has by a group does not show
function Test-Right($sid) {
    Add-Type -TypeDefinition $code
    $right -in [PrefectAccount]::Rights((Get-Bytes $sid))
}

# Unlike secedit.exe, which writes the whole list of those who have it.
function Add-Right($sid) { [PrefectAccount]::Grant((Get-Bytes $sid), $right) }

# Get-LogonError DOMAIN NAME: 0 for none
function Get-LogonError($domain, $name) { [PrefectAccount]::LogOn($name, $domain, $password) }

# Get-ManagedState NAME: without the $ at its end, as Test-ADServiceAccount asks for it
function Get-ManagedState($name) { [PrefectAccount]::State($name) }

function Test-Password {
    $domain, $name = $account -split '\\', 2
    $number = Get-LogonError $domain $name
    if ($number -eq 0) { return }
    $reason = if ($reasons.ContainsKey($number)) { $reasons[$number] } else { (New-Object ComponentModel.Win32Exception($number)).Message }
    fail "$account cannot log on here (error $number), and no service was stopped for it. $reason"
}

# https://learn.microsoft.com/windows/win32/api/lmaccess/ne-lmaccess-msa_info_state
function Test-ManagedAccount {
    $name = ($account -split '\\', 2)[1].TrimEnd('$')
    $answer = Get-ManagedState $name
    if ($answer -eq 5) { return }
    if ($answer -eq 3) {
        $remedy = 'Add the host to its PrincipalsAllowedToRetrieveManagedPassword, and restart the host where that is by a group; see that both know the same Kerberos encryption types.'
        fail "this host may not fetch the password of $account, and no service was stopped for it. $remedy Test-ADServiceAccount $name tells when that is done."
    }
    if ($answer -eq 4) { fail "$account is not installed on this host, and no service was stopped for it. On it: Install-ADServiceAccount $name" }
    Write-Line "note: Windows does not tell whether this host may use $account (state $answer). If its service does not start: Test-ADServiceAccount $name"
}

# Get-Policy: those of the domain that say who has the right; only the first of them counts
function Get-Policy {
    try { Get-CimInstance -Namespace 'root/rsop/computer' -ClassName RSOP_UserPrivilegeRight -Filter "UserRight='$right' AND Precedence=1" } catch { return }
}

# A policy gives the right anew each time that it is applied, to those alone that it names.
function Test-Policy($sid) {
    foreach ($policy in Get-Policy) {
        $named = foreach ($entry in $policy.AccountList) { try { Get-Sid $entry.TrimStart('*') } catch { $entry } }
        if ($sid -in $named) { continue }
        $effect = 'Unless it names a group of it, the right is taken back when it is applied again, and the service does not start then (error 1069).'
        Write-Line "note: a group policy sets who may log on as a service here, and does not name ${account}. $effect $(Get-Advice)"
    }
}

function Get-Advice { "Have $account added to 'Log on as a service' in the policy that sets it. Which one: gpresult /h FILE" }
