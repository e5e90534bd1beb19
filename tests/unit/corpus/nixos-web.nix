{ modulesPath, pkgs, ... }: {
  imports = [ "${modulesPath}/virtualisation/amazon-image.nix" ];
  services.nginx = { enable = true; virtualHosts."www.example.com".root = "/srv/www"; };
  networking.firewall.allowedTCPPorts = [ 80 443 ];
}
