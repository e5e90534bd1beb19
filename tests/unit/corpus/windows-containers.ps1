<powershell>
Install-WindowsFeature -Name Containers
Install-Module -Name DockerMsftProvider -Repository PSGallery -Force
Install-Package -Name docker -ProviderName DockerMsftProvider -Force
@{ "data-root" = "D:\docker"; "log-driver" = "etwlogs" } | ConvertTo-Json | Set-Content C:\ProgramData\docker\config\daemon.json
Restart-Service docker
</powershell>
