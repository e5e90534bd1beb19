<powershell>
$secret = (Get-SECSecretValue -SecretId ad-join).SecretString | ConvertFrom-Json
$password = ConvertTo-SecureString $secret.password -AsPlainText -Force
$credential = New-Object System.Management.Automation.PSCredential ($secret.user, $password)
Add-Computer -DomainName corp.example.com -Credential $credential -OUPath "OU=Servers,DC=corp,DC=example,DC=com"
foreach ($group in @("Remote Desktop Users", "Event Log Readers")) { Add-LocalGroupMember -Group $group -Member "CORP\ops" }
Restart-Computer -Force
</powershell>
