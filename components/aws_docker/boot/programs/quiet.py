"""Programs that do nothing to Docker: they may name its socket and ports. A shell's own words are in builtins.py."""

from .program import Ends, Rows, silent, telling

PROGRAMS: Rows = {
    **silent(": true wait umask ulimit shopt logger wall sleep sync", Ends.ALWAYS),
    **silent(
        "mkdir rmdir touch chmod chown chgrp umount usermod useradd userdel groupadd sysctl modprobe "
        "hostnamectl swapon swapoff mkswap setfacl kill pkill killall"
    ),
    **telling(
        "ls stat whereis man info help pgrep ps ss netstat lsof nmap tc expr date hostname ec2-metadata "
        "whatis apropos dpkg-query md5sum sha256sum sha512sum sha1sum diff cmp getent groups find wc du "
        "df free file test [ printenv blkid lsblk findmnt mountpoint lspci lscpu nproc ping dig host "
        "nslookup getconf locale findfs arch journalctl dmesg loginctl uptime ip ifconfig route ethtool "
        "timedatectl realpath readlink rpmquery lsmod cloud-init nvidia-smi xmllint gpgconf"
    ),
    **telling(
        "write mail iptables ip6tables iptables-restore iptables-save ip6tables-restore nft ufw "
        "firewall-cmd ipset alert notify-send figlet adduser addgroup gpasswd newgrp chattr mkfs "
        "mkfs.ext4 mkfs.xfs mke2fs resize2fs xfs_growfs growpart parted sfdisk fdisk sgdisk partprobe "
        "pvcreate vgcreate lvcreate lvextend mdadm cryptsetup fallocate depmod localectl locale-gen "
        "dpkg-reconfigure debconf-set-selections update-ca-certificates update-ca-trust gpg ssh-keygen "
        "ssh-keyscan apt-key apt-mark add-apt-repository yum-config-manager semanage setsebool "
        "setenforce restorecon chsh passwd chpasswd udevadm ldconfig update-alternatives alternatives "
        "update-grub grub2-mkconfig hwclock ntpdate chronyc tuned-adm pip pip3 pipx npm gem cargo go "
        "make cfn-signal cfn-hup aws-iam-authenticator kubectl helm eksctl",
        Ends.LIKELY,
    ),
    # What only uses Docker's socket.
    **telling(
        "wait-for-it wait-for-it.sh dockerize kubelet cri-dockerd ecs-agent amazon-ecs-init telegraf "
        "cadvisor promtail vector filebeat metricbeat fluentd fluent-bit gitlab-runner "
        "drone-runner-docker nomad act_runner buildkite-agent datadog-agent crictl ctr lazydocker dive "
        "trivy watchtower",
        Ends.LIKELY,
    ),
}
