#!/bin/bash
cat <<'EOF' >> /etc/ecs/ecs.config
ECS_CLUSTER=services
ECS_ENABLE_TASK_IAM_ROLE=true
ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=1h
ECS_AVAILABLE_LOGGING_DRIVERS=["json-file","awslogs"]
EOF
mkfs -t xfs /dev/nvme1n1 || true
mount /dev/nvme1n1 /data
