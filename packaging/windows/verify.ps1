# Verifies sluice.exe on a real Windows 10 or 11: one line for each thing, "pass" or "FAIL", and an
# exit code of 0 only when nothing failed. Runs from the unpacked zip, needs no rights, leaves nothing:
#   powershell -ExecutionPolicy Bypass -File verify.ps1
# Written for Windows PowerShell 5.1, which every Windows has. curl.exe comes with Windows, too.
param([string]$Program = (Join-Path $PSScriptRoot 'sluice.exe'),
      [string]$Site = (Join-Path $PSScriptRoot 'site'),
      [int]$Port = 18080)

$ErrorActionPreference = 'Stop'
$script:failed = 0
$work = Join-Path ([IO.Path]::GetTempPath()) ("sluice-verify-" + $PID)
$root = Join-Path $work 'root'
$null = New-Item -ItemType Directory -Path $root

function Check([string]$what, [scriptblock]$test) {
    try { $good = [bool](& $test); $why = '' } catch { $good = $false; $why = ": $_" }
    if ($good) { Write-Output "pass  $what" } else { Write-Output "FAIL  $what$why"; $script:failed++ }
}

function Start-Sluice([string[]]$arguments) {
    $info = New-Object Diagnostics.ProcessStartInfo
    $info.FileName = $Program
    $info.Arguments = ($arguments | ForEach-Object { '"' + $_ + '"' }) -join ' '
    $info.UseShellExecute = $false
    $info.CreateNoWindow = $true
    [Diagnostics.Process]::Start($info)
}

function Wait-Ready([int]$port) {
    foreach ($try in 1..100) {
        try { (New-Object Net.Sockets.TcpClient('127.0.0.1', $port)).Close(); return $true }
        catch { Start-Sleep -Milliseconds 100 }
    }
    $false
}

# The answer to one raw request, as Latin-1 text.
function Ask([string]$request) {
    $client = New-Object Net.Sockets.TcpClient('127.0.0.1', $Port)
    $client.ReceiveTimeout = 10000
    $stream = $client.GetStream()
    $bytes = [Text.Encoding]::GetEncoding(28591).GetBytes($request)
    $stream.Write($bytes, 0, $bytes.Length)
    $answer = New-Object IO.MemoryStream
    $stream.CopyTo($answer)
    $client.Close()
    [Text.Encoding]::GetEncoding(28591).GetString($answer.ToArray())
}

function Status([string]$target) {
    $answer = Ask "GET $target HTTP/1.1`r`nHost: a`r`nConnection: close`r`n`r`n"
    [int]$answer.Substring(9, 3)
}

function Same([string]$one, [string]$other) {
    (Get-FileHash $one).Hash -eq (Get-FileHash $other).Hash
}

function Fetch([string[]]$options, [string]$path) {
    $out = Join-Path $work 'fetched'
    & curl.exe -sS --fail --max-time 60 -o $out @options "http://127.0.0.1:$Port$path"
    if ($LASTEXITCODE -ne 0) { throw "curl ended with $LASTEXITCODE" }
    $out
}

$server = $null
try {
    # A file of 10 MB, and one for each name that Windows reads as something else.
    $big = Join-Path $root 'big.bin'
    $bytes = New-Object byte[] 10000000
    (New-Object Random 5).NextBytes($bytes)
    [IO.File]::WriteAllBytes($big, $bytes)
    [IO.File]::WriteAllText((Join-Path $root 'index.html'), 'page')
    $chinese = [string][char]0x6587 + [char]0x4ef6
    [IO.File]::WriteAllText((Join-Path $root "$chinese.txt"), 'text')
    [IO.File]::WriteAllText((Join-Path $root 'a-rather-long-name.txt'), 'long')
    Set-Content -Path (Join-Path $root 'index.html') -Stream 'hidden' -Value 'stream'
    $outside = Join-Path $work 'outside'
    $null = New-Item -ItemType Directory -Path $outside
    [IO.File]::WriteAllText((Join-Path $outside 'secret.txt'), 'secret')
    $null = New-Item -ItemType Junction -Path (Join-Path $root 'link') -Target $outside

    Check 'probe finds completion ports' { (& $Program probe | Out-String) -match 'iocp: available' }
    Check 'an unknown option is exit code 2' { & $Program serve --nonsense 2>$null; $LASTEXITCODE -eq 2 }

    $server = Start-Sluice @('serve', $root, '--listen', "127.0.0.1:$Port", '--drain-timeout', '20s')
    Check 'the server starts' { Wait-Ready $Port }
    Check 'its port is its own' {
        $second = Start-Sluice @('serve', $root, '--listen', "127.0.0.1:$Port")
        $ended = $second.WaitForExit(10000)
        if (-not $ended) { $second.Kill() }
        $ended -and $second.ExitCode -eq 1
    }
    Check 'a page' { (Status '/') -eq 200 }
    Check 'a name in Chinese' { (Status '/%E6%96%87%E4%BB%B6.txt') -eq 200 }
    Check '10 MB, byte for byte' { Same (Fetch @() '/big.bin') $big }
    Check '10 MB slowly' { Same (Fetch @('--limit-rate', '4M') '/big.bin') $big }
    Check 'a range of 4 MB' {
        $got = [IO.File]::ReadAllBytes((Fetch @('--range', '777-4000776') '/big.bin'))
        $wanted = New-Object byte[] 4000000
        [Array]::Copy($bytes, 777, $wanted, 0, 4000000)
        $got.Length -eq 4000000 -and [Convert]::ToBase64String($got) -eq [Convert]::ToBase64String($wanted)
    }
    Check 'eight downloads at once (client editions run two TransmitFiles)' {
        $jobs = 1..8 | ForEach-Object {
            Start-Process curl.exe -PassThru -WindowStyle Hidden -ArgumentList @('-sS', '--fail',
                '--max-time', '60', '-o', (Join-Path $work "many$_"), "http://127.0.0.1:$Port/big.bin")
        }
        $jobs | ForEach-Object { $null = $_.WaitForExit(90000) }
        @(1..8 | Where-Object { Same (Join-Path $work "many$_") $big }).Count -eq 8
    }
    foreach ($name in '/NUL', '/aux.txt', '/CON', '/com1.log', '/index.html::$DATA', '/index.html:hidden',
             '/index.html.', '/index.html%20', '/A-RATH~1.TXT', '/..%5Cindex.html', '/link/secret.txt',
             '/C:/Windows/win.ini') {
        Check "refused: $name" { (Status $name) -in 400, 404 }
    }
    Check 'a request that is no HTTP is 400' { (Ask "nonsense`r`n`r`n").StartsWith('HTTP/1.1 400') }
    Check 'a peer that resets is survived' {
        foreach ($i in 1..50) {
            $client = New-Object Net.Sockets.TcpClient('127.0.0.1', $Port)
            $request = [Text.Encoding]::ASCII.GetBytes("GET /big.bin HTTP/1.1`r`nHost: a`r`n`r`n")
            $client.GetStream().Write($request, 0, $request.Length)
            $client.LingerState = New-Object Net.Sockets.LingerOption($true, 0)
            $client.Client.Close()
        }
        (Status '/') -eq 200
    }
    Check 'a file that is served can be replaced' {
        $new = Join-Path $work 'new.html'
        [IO.File]::WriteAllText($new, 'other page')
        $null = Status '/'
        Move-Item -Force $new (Join-Path $root 'index.html')
        Start-Sleep -Seconds 5
        (Ask "GET / HTTP/1.1`r`nHost: a`r`nConnection: close`r`n`r`n").EndsWith('other page')
    }
    Check '3000 connections leave no handles and no memory' {
        foreach ($i in 1..500) { $null = Status '/' }
        Start-Sleep -Seconds 2
        $server.Refresh(); $handles = $server.HandleCount; $memory = $server.WorkingSet64
        foreach ($i in 1..3000) { $null = Status '/' }
        Start-Sleep -Seconds 2
        $server.Refresh()
        ($server.HandleCount -le $handles + 20) -and ($server.WorkingSet64 -le $memory + 4MB)
    }
    Check 'bench measures' {
        & $Program bench "http://127.0.0.1:$Port/" --duration 2s --quiet | Out-Null
        $LASTEXITCODE -in 0, 3
    }

    # Ctrl-C reaches every process of a console, so it is sent from one that has it alone.
    Check 'Ctrl-C finishes a download and ends with 0' {
        $out = Join-Path $work 'last'
        $slow = Start-Process curl.exe -PassThru -WindowStyle Hidden -ArgumentList @('-sS', '--fail',
            '--max-time', '60', '--limit-rate', '4M', '-o', $out, "http://127.0.0.1:$Port/big.bin")
        Start-Sleep -Milliseconds 500
        $code = @"
Add-Type -Namespace Win -Name Con -MemberDefinition '[DllImport(\"kernel32.dll\")] public static extern bool FreeConsole(); [DllImport(\"kernel32.dll\")] public static extern bool AttachConsole(uint id); [DllImport(\"kernel32.dll\")] public static extern bool SetConsoleCtrlHandler(System.IntPtr handler, bool add); [DllImport(\"kernel32.dll\")] public static extern bool GenerateConsoleCtrlEvent(uint kind, uint group);'
[Win.Con]::FreeConsole(); [Win.Con]::AttachConsole($($server.Id)); [Win.Con]::SetConsoleCtrlHandler([IntPtr]::Zero, `$true); [Win.Con]::GenerateConsoleCtrlEvent(0, 0); Start-Sleep 1
"@
        $encoded = [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes($code.Replace('\"', '"')))
        Start-Process powershell.exe -WindowStyle Hidden -Wait -ArgumentList '-NoProfile', '-EncodedCommand', $encoded
        $null = $slow.WaitForExit(60000)
        $server.WaitForExit(30000) -and $server.ExitCode -eq 0 -and (Same $out $big)
    }

    # The site that was handed out with the program.
    $server = Start-Sluice @('serve', $Site, '--listen', "127.0.0.1:$Port")
    Check 'the site: page and logo' {
        (Wait-Ready $Port) -and (Same (Fetch @() '/static/computer-network.jpg') `
            (Join-Path $Site 'static\computer-network.jpg')) -and (Status '/') -eq 200
    }
} finally {
    if ($server -and -not $server.HasExited) { $server.Kill(); $server.WaitForExit() }
    cmd.exe /c rmdir (Join-Path $root 'link') 2>$null
    Remove-Item -Recurse -Force $work -ErrorAction SilentlyContinue
}
if ($script:failed) { Write-Output "$($script:failed) failed"; exit 1 }
Write-Output 'all passed'
