package tail

import (
	"path/filepath"
	"strings"

	"github.com/logferry/logferry/batch"
)

// PodLabels is a Config.Labels for the nodes of a Kubernetes cluster. It reads
// the labels namespace, pod and container from the paths at which kubelet and
// the runtimes keep the logs of containers,
//
//	/var/log/pods/<namespace>_<pod>_<uid>/<container>/<n>.log
//	/var/log/containers/<pod>_<namespace>_<container>-<id>.log
//
// wherever that folder is mounted, and of rotated ones, whose names have more
// behind ".log". Every other path gets the default of Config.Labels. It is safe
// for concurrent use.
//
// The forms are those of kubelet's packages kuberuntime (buildContainerLogsPath)
// and legacy log symlinks (logSymlink). Names in Kubernetes hold no underscore;
// that of a container may hold dashes, its id does not.
func PodLabels(path string) batch.Labels {
	namespace, pod, container, ok := podOf(strings.Split(filepath.ToSlash(path), "/"))
	if !ok {
		return filename(path)
	}
	l, err := batch.NewLabels(map[string]string{"namespace": namespace, "pod": pod, "container": container})
	if err != nil {
		return filename(path)
	}
	return l
}

// podOf reads the last parts of a path.
func podOf(parts []string) (namespace, pod, container string, ok bool) {
	if n := len(parts); n >= 4 && parts[n-4] == "pods" {
		names := strings.Split(parts[n-3], "_")
		number, _, dotLog := strings.Cut(parts[n-1], ".log")
		ok = len(names) == 3 && dotLog && number != "" && strings.Trim(number, "0123456789") == ""
		if ok {
			namespace, pod, container = names[0], names[1], parts[n-2]
		}
	} else if n >= 2 && parts[n-2] == "containers" {
		base, _, dotLog := strings.Cut(parts[n-1], ".log")
		names := strings.SplitN(base, "_", 3)
		if ok = dotLog && len(names) == 3; ok {
			dash := strings.LastIndexByte(names[2], '-')
			ok = dash > 0 && dash < len(names[2])-1 && strings.Trim(names[2][dash+1:], "0123456789abcdef") == ""
			namespace, pod, container = names[1], names[0], names[2][:max(dash, 0)]
		}
	}
	return namespace, pod, container, ok && namespace != "" && pod != "" && container != ""
}
