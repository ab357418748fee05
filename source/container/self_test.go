package container

import (
	"slices"
	"strings"
	"testing"
)

// What was read within containers, with their ids in place of the letters in braces.
const (
	// docker 20.10 and 26.1, cgroups version 1.
	dockerGroups = `9:name=systemd:/docker/{a}
8:pids:/docker/{a}
1:cpu:/docker/{a}
0::/docker/{a}
`
	dockerMounts = `446 356 0:149 / / rw,relatime master:14 - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/XFCXPCZ5SWQW2KUH6N45OBBLZV,upperdir=/var/lib/docker/overlay2/{z}/diff,workdir=/var/lib/docker/overlay2/{z}/work
447 446 0:152 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
462 448 0:157 / /dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=65536k
463 446 254:0 /var/lib/docker/containers/{a}/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/vda rw,discard
464 446 254:0 /var/lib/docker/containers/{a}/hostname /etc/hostname rw,relatime - ext4 /dev/vda rw,discard
465 446 254:0 /var/lib/docker/containers/{a}/hosts /etc/hosts rw,relatime - ext4 /dev/vda rw,discard
358 449 0:152 /bus /proc/bus ro,nosuid,nodev,noexec,relatime - proc proc rw
`
	// Any of them with a cgroup namespace of its own.
	privateGroups = "9:name=systemd:/\n8:pids:/\n0::/\n"
	// The logs of all containers, a volume without a name and a file of
	// another container, as a collector may have them mounted.
	otherMounts = `470 446 254:0 /var/lib/docker/containers /var/lib/docker/containers ro,relatime - ext4 /dev/vda rw
471 446 254:0 /var/lib/docker/volumes/{z}/_data /data rw,relatime - ext4 /dev/vda rw
472 446 254:0 /var/lib/docker/containers/{z}/hostname /mnt/hostname rw,relatime - ext4 /dev/vda rw
`
	// podman without root, in a pod: it has the network's files of another.
	podmanMounts = `4281 4276 0:94 /containers/overlay-containers/{b}/userdata/resolv.conf /etc/resolv.conf rw,nosuid,nodev,relatime - tmpfs tmpfs rw,size=6557728k,nr_inodes=1639432,mode=700,uid=1000,gid=1000,inode64
4282 4276 0:94 /containers/overlay-containers/{a}/userdata/hostname /etc/hostname rw,nosuid,nodev,relatime - tmpfs tmpfs rw,size=6557728k
4283 4276 0:94 /containers/overlay-containers/{a}/userdata/.containerenv /run/.containerenv rw,nosuid,nodev,relatime - tmpfs tmpfs rw,size=6557728k
`
	// containerd for Kubernetes: the files are those of the pod's sandbox.
	containerdMounts = `1504 1479 8:1 /var/lib/kubelet/pods/6f0c5ce4-64d9-4d4a-9b39-5a5d2a2d1b7e/etc-hosts /etc/hosts rw,relatime - ext4 /dev/sda1 rw
1506 1479 8:1 /var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/{b}/hostname /etc/hostname rw,relatime - ext4 /dev/sda1 rw
1507 1479 8:1 /var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/{b}/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/sda1 rw
`
	// The host of all this: it has the shared memory of containers mounted.
	hostGroups = "12:pids:/user.slice/user-1000.slice/session-3.scope\n0::/user.slice/user-1000.slice/user@1000.service/app.slice\n"
	hostMounts = `27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
91 27 0:50 / /var/lib/docker/containers/{a}/mounts/shm rw,nosuid,nodev,noexec,relatime shared:40 - tmpfs shm rw,size=65536k
92 27 0:49 / /var/lib/docker/overlay2/{b}/merged rw,relatime - overlay overlay rw,lowerdir=/x
93 27 0:4 net:[4026532281] /run/docker/netns/default rw shared:41 - nsfs nsfs rw
`
)

func TestParseOwn(t *testing.T) {
	ids := strings.NewReplacer("{a}", strings.Repeat("a1", 32), "{b}", strings.Repeat("b2", 32), "{z}", strings.Repeat("c3", 32))
	for _, tt := range []struct {
		name, cgroup, mounts string
		want                 string // letters
	}{
		{"docker", dockerGroups, dockerMounts, "a"},
		{"docker, its own cgroup namespace", privateGroups, dockerMounts + otherMounts, "a"},
		{"docker, the network of another container", dockerGroups, strings.ReplaceAll(dockerMounts, "{a}", "{b}"), "a"},
		{"docker, systemd", "0::/system.slice/docker-{a}.scope\n", "", "a"},
		{"docker within docker", "4:memory:/docker/{a}/docker/{b}\n3:cpu:/docker/{a}/docker/{b}\n", dockerMounts, "ab"},
		{"podman", privateGroups, podmanMounts, "a"},
		{"podman, systemd", "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{a}.scope/container\n", "", "a"},
		{"podman without a file of its own", "", strings.ReplaceAll(podmanMounts, ".containerenv", "x"), "ba"},
		{"containerd", "2:cpuset:/kubepods/burstable/pod6f0c5ce4-64d9-4d4a-9b39-5a5d2a2d1b7e/{a}\n", containerdMounts, "a"},
		{"containerd, systemd", "0::/kubepods.slice/kubepods-pod6f0c5ce4.slice/cri-containerd-{a}.scope\n", containerdMounts, "a"},
		{"containerd, its own cgroup namespace", "0::/\n", containerdMounts, "b"},
		{"a host", hostGroups, hostMounts, ""},
		{"a name that is no id", "0::/docker/{a}0\n1:x:/docker/x{a}\n", "", ""},
		{"nothing", "", "", ""},
		{"nonsense", "a\n:::\n1:2\n", "x y\n1 2 3 4\n", ""},
	} {
		var want []string
		for _, letter := range tt.want {
			want = append(want, ids.Replace("{"+string(letter)+"}"))
		}
		if got := parseOwn(ids.Replace(tt.cgroup), ids.Replace(tt.mounts)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", tt.name, got, want)
		}
	}
}
