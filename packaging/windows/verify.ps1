# Verifies sluice.exe on a real Windows 10 or 11: one line for each thing, "pass" or "FAIL", and the
# number of failures as exit code. Runs from the unpacked zip, needs no rights, leaves nothing behind:
#   powershell -ExecutionPolicy Bypass -File verify.ps1
# For Windows PowerShell 5.1, which every Windows has, and PowerShell 7. It is ASCII, because 5.1 reads
# other text in the machine's code page. PowerShell itself runs no program: 5.1 treats a line on stderr
# as an error, and does not quote arguments.
param([string]$Program = (Join-Path $PSScriptRoot 'sluice.exe'),
      [string]$Site = (Join-Path $PSScriptRoot 'site'),
      [string]$Capture = (Join-Path $PSScriptRoot 'example.pcap'))

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
$script:failed = 0
$script:started = @()
$latin1 = [Text.Encoding]::GetEncoding(28591)
$sha = [Security.Cryptography.SHA256]::Create()
$chinese = [string][char]0x6587 + [char]0x4ef6
$work = Join-Path ([IO.Path]::GetTempPath()) "sluice verify $PID"
$root = Join-Path $work "root $chinese"

# A test's last value is its verdict.
function Check([string]$what, [scriptblock]$test) {
    $values = @()
    $why = ''
    try { $values = @(& $test) } catch { $why = ": $_" -replace '\s+', ' ' }
    if ($why -eq '' -and $values.Count -gt 0 -and $values[-1] -eq $true) { "pass  $what" }
    else { $script:failed++; "FAIL  $what$why" }
}

# ---- programs ----------------------------------------------------------------------------------

# Each program has its own console, without a window.
function Start-Program([string]$file, [string[]]$arguments) {
    $info = New-Object Diagnostics.ProcessStartInfo
    $info.FileName = $file
    $info.Arguments = @($arguments | ForEach-Object { '"' + $_ + '"' }) -join ' '
    $info.UseShellExecute = $false
    $info.CreateNoWindow = $true
    $info.RedirectStandardOutput = $true
    $info.RedirectStandardError = $true
    $info.StandardOutputEncoding = [Text.Encoding]::UTF8
    $info.StandardErrorEncoding = [Text.Encoding]::UTF8
    $process = [Diagnostics.Process]::Start($info)
    $script:started += $process
    $process
}

function Wait-Program($process, [int]$seconds) {
    $out = $process.StandardOutput.ReadToEndAsync()
    $err = $process.StandardError.ReadToEndAsync()
    if (-not $process.WaitForExit($seconds * 1000)) { $process.Kill(); throw "no end after $seconds s" }
    New-Object PSObject -Property @{ Code = $process.ExitCode; Out = $out.Result; Err = $err.Result }
}

function Run([string[]]$arguments, [string]$file = $Program, [int]$seconds = 60) {
    Wait-Program (Start-Program $file $arguments) $seconds
}

# The program fails with this exit code and one line.
function Refused([int]$code, [string[]]$arguments) {
    $ran = Run $arguments
    $lines = @($ran.Err.Trim() -split "`n" | Where-Object { $_ -notmatch 'changes are looked for' })
    if ($ran.Code -ne $code -or $lines.Count -ne 1) { throw "code $($ran.Code), $($ran.Err)" }
    $true
}

# A server, its port, and its later output.
function Serve([string]$folder, [string[]]$more = @(), [string]$address = '127.0.0.1:0') {
    $process = Start-Program $Program (@('serve', $folder, '--listen', $address) + $more)
    $said = ''
    while (-not ($found = [regex]::Match($said, 'http://(127\.0\.0\.1|\[::1\]):(\d+)/')).Success) {
        $line = $process.StandardError.ReadLineAsync()
        if (-not $line.Wait(20000) -or $null -eq $line.Result) { throw "no server: $said" }
        $said += $line.Result + ' '
    }
    New-Object PSObject -Property @{ Process = $process; Port = [int]$found.Groups[2].Value
        Said = $process.StandardError.ReadToEndAsync() }
}

# Ctrl-C goes to all processes of a console. So another process leaves its console, joins the server's,
# and sends it there.
function Send-CtrlC($server) {
    $sender = Join-Path $work 'ctrl-c.ps1'
    [IO.File]::WriteAllText($sender, @'
param([uint32]$id)
$console = Add-Type -PassThru -Namespace Sluice -Name Console -MemberDefinition @"
[DllImport("kernel32.dll")] public static extern bool FreeConsole();
[DllImport("kernel32.dll")] public static extern bool AttachConsole(uint process);
[DllImport("kernel32.dll")] public static extern bool SetConsoleCtrlHandler(IntPtr handler, bool ignore);
[DllImport("kernel32.dll")] public static extern bool GenerateConsoleCtrlEvent(uint kind, uint group);
"@
$null = $console::FreeConsole()
$joined = $console::AttachConsole($id)
$null = $console::SetConsoleCtrlHandler([IntPtr]::Zero, $true)
if ($joined) { $null = $console::GenerateConsoleCtrlEvent(0, 0) }
Start-Sleep -Milliseconds 500
'@)
    $null = Run @('-NoProfile', '-NonInteractive', '-ExecutionPolicy', 'Bypass', '-File', $sender,
        [string]$server.Process.Id) (Get-Process -Id $PID).Path
}

function Code-OfEnd($server, [int]$seconds = 30) {
    if (-not $server.Process.WaitForExit($seconds * 1000)) { throw "no end after $seconds s" }
    $server.Process.ExitCode
}

# ---- HTTP --------------------------------------------------------------------------------------

function Connect([int]$at, [string]$address = '127.0.0.1', [int]$buffer = 65536) {
    $ip = [Net.IPAddress]::Parse($address)
    $client = [Net.Sockets.TcpClient]::new($ip.AddressFamily)
    $client.ReceiveBufferSize = $buffer
    $client.ReceiveTimeout = 30000
    $client.SendTimeout = 30000
    $client.Connect($ip, $at)
    $client
}

function Send($client, [string]$text) {
    $sent = $latin1.GetBytes($text)
    $client.GetStream().Write($sent, 0, $sent.Length)
}

function Request([string]$path, [string[]]$fields = @(), [string]$method = 'GET') {
    (@("$method $path HTTP/1.1", 'Host: a', 'Connection: close') + $fields + @('', '')) -join "`r`n"
}

# Everything until the server closes, parsed. The bytes stay in an object: PowerShell would enumerate
# an array that a function returns.
function Receive($client, [int]$pause = 0) {
    $memory = [IO.MemoryStream]::new()
    $part = [byte[]]::new(65536)
    $stream = $client.GetStream()
    while (($got = $stream.Read($part, 0, $part.Length)) -gt 0) {
        $memory.Write($part, 0, $got)
        if ($pause) { Start-Sleep -Milliseconds $pause }
    }
    $client.Close()
    $all = $memory.ToArray()
    $text = $latin1.GetString($all, 0, [Math]::Min($all.Length, 4096))
    $head = [regex]::Match($text, '^HTTP/1\.1 (\d\d\d)[^\0]*?\r\n\r\n')
    if (-not $head.Success) { throw "no answer: $text" }
    New-Object PSObject -Property @{ Status = [int]$head.Groups[1].Value; Head = $head.Value
        All = $all; From = $head.Length; Length = $all.Length - $head.Length }
}

function Ask([string]$path, [string[]]$fields = @(), [string]$method = 'GET') {
    $client = Connect $port
    Send $client (Request $path $fields $method)
    Receive $client
}

function Field($answer, [string]$name) {
    [regex]::Match($answer.Head, "(?im)^${name}: *([^\r\n]*)").Groups[1].Value
}

function Hash([byte[]]$data, [int]$from, [int]$count) {
    [BitConverter]::ToString($sha.ComputeHash($data, $from, $count))
}

# Whether the body equals this part of these bytes.
function Is-Part($answer, [byte[]]$data, [int]$from, [int]$count) {
    $answer.Length -eq $count -and
        (Hash $answer.All $answer.From $count) -eq (Hash $data $from $count)
}

function Is-Text($answer, [string]$text) {
    $answer.Status -eq 200 -and
        $latin1.GetString($answer.All, $answer.From, $answer.Length) -ceq $text
}

function Eventually([scriptblock]$condition) {
    foreach ($try in 1..100) {
        if (& $condition) { return $true }
        Start-Sleep -Milliseconds 100
    }
    $false
}

function Write-Text([string]$path, [string]$text) { [IO.File]::WriteAllText($path, $text) }

# ---- the checks --------------------------------------------------------------------------------

$outside = Join-Path $work 'outside'
$link = Join-Path $root 'link'
$page = Join-Path $root 'index.html'
$log = Join-Path $work "log $chinese.txt"
$size = 10000000
$bytes = [byte[]]::new($size)
[Random]::new(5).NextBytes($bytes)
$port = 0
$server = $null

try {
    $null = New-Item -ItemType Directory -Path $root, $outside
    [IO.File]::WriteAllBytes((Join-Path $root 'big.bin'), $bytes)
    [IO.File]::WriteAllBytes((Join-Path $root 'live.bin'), $bytes)
    Write-Text $page 'page'
    Write-Text (Join-Path $root "$chinese.txt") 'text'
    Write-Text (Join-Path $root 'a-rather-long-name.txt') 'long'
    Write-Text (Join-Path $outside 'secret.txt') 'secret'
    Set-Content -LiteralPath $page -Stream 'hidden' -Value 'stream'
    $null = New-Item -ItemType Junction -Path $link -Value $outside

    # The command line.
    Check 'probe finds completion ports' { (Run 'probe').Out -match 'iocp: available' }
    Check 'an unknown option is code 2' { Refused 2 @('serve', '--no-such-option') }
    Check 'an unknown command is code 2' { Refused 2 @('serv') }
    Check 'a bad address is code 2' { Refused 2 @('serve', $root, '--listen', '127.0.0.1:nine') }
    Check 'a root that is missing is code 1' {
        Refused 1 @('serve', "$root\missing", '--listen', '127.0.0.1:0')
    }
    Check 'a log that cannot be opened is code 1' {
        Refused 1 @('serve', $root, '--listen', '127.0.0.1:0', '--access-log', "$root\missing\log")
    }

    # The site that comes with the program.
    Check 'the site is served' {
        $script:server = Serve $Site
        $script:port = $server.Port
        $true
    }
    foreach ($name in 'index.html', 'static\computer-network.jpg') {
        Check "the site: $name, byte for byte" {
            $file = [IO.File]::ReadAllBytes((Join-Path $Site $name))
            Is-Part (Ask ('/' + $name.Replace('index.html', '').Replace('\', '/'))) $file 0 $file.Length
        }
    }
    Check 'Ctrl-C ends an idle server with 0' { Send-CtrlC $server; (Code-OfEnd $server) -eq 0 }

    # Names, methods, conditions.
    Check 'blanks and Chinese in the names of root, log and file' {
        $script:server = Serve $root @('--access-log', $log, '--drain-timeout', '20s')
        $script:port = $server.Port
        Is-Text (Ask '/%E6%96%87%E4%BB%B6.txt') 'text'
    }
    Check 'its port is its own' { Refused 1 @('serve', $root, '--listen', "127.0.0.1:$port") }
    Check 'HEAD' {
        $answer = Ask '/big.bin' @() 'HEAD'
        $answer.Status -eq 200 -and $answer.Length -eq 0 -and (Field $answer 'Content-Length') -eq "$size"
    }
    Check '304 for what is known' {
        $etag = Field (Ask '/') 'ETag'
        $answer = Ask '/' @("If-None-Match: $etag")
        $etag -ne '' -and $answer.Status -eq 304 -and $answer.Length -eq 0
    }
    Check '404 for what is not there' { (Ask '/missing').Status -eq 404 }
    Check '400 for what is no HTTP' {
        $client = Connect $port
        Send $client "nonsense`r`n`r`n"
        (Receive $client).Status -eq 400
    }
    foreach ($name in '/NUL', '/nul.html', '/aux.txt', '/CON', '/con.txt', '/COM1', '/com1.log',
             '/LPT%C2%B9', '/CONIN$', '/index.html::$DATA', '/index.html:hidden', '/index.html.',
             '/index.html%20', '/link::$INDEX_ALLOCATION/', '/A-RATH~1.TXT', '/..%5Cindex.html',
             '/%5Cindex.html', '/link/secret.txt', '/link%5Csecret.txt', '/C:/Windows/win.ini',
             '/%5C%5C.%5CNUL') {
        Check "refused: $name" { (Ask $name).Status -in 400, 404 }
    }

    # 10 MB, whole and in parts.
    Check '10 MB' { Is-Part (Ask '/big.bin') $bytes 0 $size }
    foreach ($range in @('0-0', 0, 1), @('0-65534', 0, 65535), @('1-65536', 1, 65536),
             @('262143-262144', 262143, 2), @('777-5000776', 777, 5000000), @('-1', 9999999, 1),
             @('-3000000', 7000000, 3000000), @('9999999-', 9999999, 1), @('5-', 5, 9999995),
             @('0-99999999', 0, 10000000)) {
        Check "range $($range[0])" {
            $answer = Ask '/big.bin' @("Range: bytes=$($range[0])")
            $answer.Status -eq 206 -and (Is-Part $answer $bytes $range[1] $range[2])
        }
    }
    Check 'a range beyond the end is 416' { (Ask '/big.bin' @("Range: bytes=$size-")).Status -eq 416 }
    Check 'two ranges' {
        $answer = Ask '/big.bin' @('Range: bytes=10-400009,5000000-5399999')
        (Field $answer 'Content-Type') -match '^multipart/byteranges' -and $answer.Length -gt 800000
    }
    Check 'curl, eight downloads at once (client editions run two TransmitFiles)' {
        $all = foreach ($i in 1..8) {
            Start-Program 'curl.exe' @('-sS', '--fail', '--max-time', '60', '-o', "$work\copy$i",
                "http://127.0.0.1:$port/big.bin")
        }
        foreach ($one in $all) { $null = Wait-Program $one 90 }
        $copies = Get-FileHash -LiteralPath "$root\big.bin", "$work\copy1", "$work\copy2", "$work\copy3",
            "$work\copy4", "$work\copy5", "$work\copy6", "$work\copy7", "$work\copy8"
        @($copies.Hash).Count -eq 9 -and @($copies.Hash | Sort-Object -Unique).Count -eq 1
    }

    # Many, slow or vanished peers.
    Check '500 connections at once' {
        $clients = @(foreach ($i in 1..500) { Connect $port })
        foreach ($client in $clients) { Send $client (Request '/') }
        $good = 0
        foreach ($client in $clients) { if (Is-Text (Receive $client) 'page') { $good++ } }
        $good -eq 500
    }
    Check '10 MB to a slow reader' {
        $client = Connect $port '127.0.0.1' 16384
        Send $client (Request '/big.bin')
        Is-Part (Receive $client 5) $bytes 0 $size
    }
    Check 'resets in mid-transfer' {
        foreach ($i in 1..60) {
            $client = Connect $port '127.0.0.1' 16384
            Send $client (Request '/big.bin')
            if ($i % 3) { $null = $client.GetStream().Read([byte[]]::new(50000), 0, 50000) }
            $client.LingerState = [Net.Sockets.LingerOption]::new($true, 0)
            $client.Client.Close()
        }
        Is-Part (Ask '/big.bin') $bytes 0 $size
    }
    Check '3000 connections leave no handles and no memory' {
        foreach ($i in 1..500) { $null = Ask '/' }
        Start-Sleep -Seconds 2
        $server.Process.Refresh()
        $handles = $server.Process.HandleCount
        $memory = $server.Process.WorkingSet64
        foreach ($i in 1..3000) { $null = Ask '/' }
        Start-Sleep -Seconds 2
        $server.Process.Refresh()
        $more = $server.Process.HandleCount - $handles
        $grown = $server.Process.WorkingSet64 - $memory
        if ($more -gt 20 -or $grown -gt 4000000) { throw "$more handles, $grown bytes more" }
        $true
    }

    # Files that change.
    Check 'a file that is written again' {
        Write-Text $page 'other page'
        Eventually { Is-Text (Ask '/') 'other page' }
    }
    Check 'a file that is replaced' {
        Write-Text "$work\new.html" 'third page'
        [IO.File]::Replace("$work\new.html", $page, [NullString]::Value)
        Eventually { Is-Text (Ask '/') 'third page' }
    }

    # The program's other commands.
    Check 'bench' {
        $ran = Run @('bench', "http://127.0.0.1:$port/", '--duration', '2s', '--quiet', '--json', '-')
        $ran.Code -in 0, 3 -and $ran.Out -match '"200": ?[1-9]'
    }
    Check 'bench, a connection for each request' {
        $ran = Run @('bench', "http://127.0.0.1:$port/", '--requests', '500', '--churn', '--quiet')
        $ran.Code -in 0, 3 -and $ran.Out -match '500 x 200'
    }
    Check 'compare' {
        $ran = Run @('compare', '--only', 'start', '--rounds', '2', '--quiet', '--json', '-')
        $ran.Code -eq 0 -and $ran.Out -match '"sluice iocp"'
    }
    Check 'wire' { $ran = Run @('wire', $Capture); $ran.Code -eq 0 -and $ran.Out -match 'GET /' }
    Check 'wire, a page in Chinese' {
        $ran = Run @('wire', $Capture, '--lang', 'zh', '--html', "$work\$chinese.html")
        $ran.Code -eq 0 -and [IO.File]::ReadAllText("$work\$chinese.html") -match '[\u4e00-\u9fff]'
    }

    # The end.
    Check 'Ctrl-C finishes a download and ends with 0' {
        $client = Connect $port '127.0.0.1' 16384
        Send $client (Request '/big.bin')
        Start-Sleep -Milliseconds 300
        Send-CtrlC $server
        (Is-Part (Receive $client) $bytes 0 $size) -and (Code-OfEnd $server) -eq 0
    }
    Check 'the log tells of all requests' {
        $lines = [IO.File]::ReadAllLines($log)
        $odd = @($lines | Where-Object { $_ -notmatch '^127\.0\.0\.1 - - \[[^]]+\] "' })
        $lines.Count -gt 4000 -and $odd.Count -eq 0 -and
            @($lines -match '"GET /%E6%96%87%E4%BB%B6\.txt HTTP/1\.1" 200').Count -eq 1
    }
    Check 'it had nothing to say' { $server.Said.Result.Trim() -eq '' }

    # Servers with special options.
    if ([Net.Sockets.Socket]::OSSupportsIPv6) {
        Check 'IPv6' {
            $client = Connect (Serve $root @() '[::1]:0').Port '::1'
            Send $client (Request '/')
            Is-Text (Receive $client) 'third page'
        }
    }
    Check 'a file that is replaced while it is sent' {
        $script:port = (Serve $root @('--memory-budget', '1m')).Port
        $client = Connect $port '127.0.0.1' 16384
        Send $client (Request '/live.bin')
        Start-Sleep -Milliseconds 300
        Write-Text "$work\new.bin" 'new'
        [IO.File]::Replace("$work\new.bin", "$root\live.bin", [NullString]::Value)
        # The old version, whole or cut short; never a mixture.
        try { $answer = Receive $client } catch { $answer = $null }
        ($null -eq $answer -or (Is-Part $answer $bytes 0 $answer.Length)) -and
            (Eventually { Is-Text (Ask '/live.bin') 'new' })
    }
    Check 'a reader that does not read is given up' {
        $script:port = (Serve $root @('--write-timeout', '2s')).Port
        $client = Connect $port '127.0.0.1' 16384
        Send $client (Request '/big.bin')
        Start-Sleep -Seconds 8
        try { $got = (Receive $client).Length } catch { $got = 0 }
        $got -lt $size -and (Is-Text (Ask '/') 'third page')
    }
    Check 'a second Ctrl-C ends it at once' {
        $stuck = Serve $root @('--drain-timeout', '60s')
        $client = Connect $stuck.Port '127.0.0.1' 16384
        Send $client (Request '/big.bin')
        Start-Sleep -Milliseconds 300
        Send-CtrlC $stuck
        $waited = -not $stuck.Process.HasExited
        Send-CtrlC $stuck
        $waited -and (Code-OfEnd $stuck 10) -eq 0
    }

    # The test programs, if they are beside this script.
    foreach ($name in 'conformance', 'unit', 'load', 'compare') {
        $tests = Join-Path $PSScriptRoot "$name.exe"
        if (Test-Path -LiteralPath $tests) {
            Check "$name.exe" {
                $ran = Run @('--gtest_brief=1', '--gtest_filter=-*/sim*') $tests 1800
                $ran.Code -eq 0 -and $ran.Out -match '\[  PASSED  \]'
            }
        }
    }
} catch {
    $script:failed++
    "FAIL  this script: $_"
} finally {
    foreach ($process in $script:started) {
        if (-not $process.HasExited) { $process.Kill(); $null = $process.WaitForExit(10000) }
    }
    # The junction first, so that the removal does not follow it.
    if (Test-Path -LiteralPath $link) { [IO.Directory]::Delete($link) }
    Remove-Item -Recurse -Force -LiteralPath $work -ErrorAction SilentlyContinue
}
Check 'nothing is left behind' { -not (Test-Path -LiteralPath $work) }
if ($script:failed) { "$($script:failed) failed" } else { 'all passed' }
exit $script:failed
