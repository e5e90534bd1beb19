<powershell>
$ErrorActionPreference = "Stop"
Install-WindowsFeature -Name Web-Server, Web-Mgmt-Tools
$name = "site-" + (Invoke-RestMethod http://169.254.169.254/latest/meta-data/instance-id)
if (-not (Test-Path C:\inetpub\site)) { New-Item -ItemType Directory -Path C:\inetpub\site | Out-Null }
Set-Content -Path C:\inetpub\site\index.html -Value "<h1>$name</h1>"
Rename-Computer -NewName $name.Substring(0, 15) -Force -Restart
</powershell>
<persist>true</persist>
