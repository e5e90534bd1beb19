{ config, pkgs, ... }: {
  virtualisation.docker = { enable = true; autoPrune.enable = true; };
  users.users.ci.extraGroups = [ "docker" ];
}
