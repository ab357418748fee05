package tail

import (
	"strings"
	"testing"

	"github.com/logferry/logferry/batch"
)

func TestPodLabels(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	for path, want := range map[string]batch.Labels{
		"/var/log/pods/shop_till-7d4b_0b1c-22/open/0.log":                     batch.MustLabels("namespace", "shop", "pod", "till-7d4b", "container", "open"),
		"/host/var/log/pods/shop_till_0b1c/open/12.log.20240102-150405":       batch.MustLabels("namespace", "shop", "pod", "till", "container", "open"),
		"/var/log/pods/kube-system_kube-apiserver-n1_3f/kube-apiserver/7.log": batch.MustLabels("namespace", "kube-system", "pod", "kube-apiserver-n1", "container", "kube-apiserver"),
		"/var/log/containers/till-7d4b_shop_open-" + id + ".log":              batch.MustLabels("namespace", "shop", "pod", "till-7d4b", "container", "open"),
		"/var/log/containers/till.v1_shop_open-the-till-" + id + ".log":       batch.MustLabels("namespace", "shop", "pod", "till.v1", "container", "open-the-till"),
	} {
		if got := PodLabels(path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	for _, path := range []string{
		"/var/log/shop.log", "/0.log", "/", "/var/log/pods/shop_till/open/0.log", "/var/log/pods/shop_till_1_2/open/0.log", "/var/log/pods/shop_till_1/open/x.log",
		"/var/log/pods/shop_till_1/open/.log", "/var/log/pods/shop__1/open/0.log", "/var/log/pods/_till_1/open/0.log", "/var/log/pods/shop_till_1/0.log",
		"/var/log/containers/till_shop_open.log", "/var/log/containers/till_shop_-" + id + ".log", "/var/log/containers/till_shop_open-xyz.log",
		"/var/log/containers/till_shop_open-.log", "/var/log/containers/till-" + id + ".log", "/var/log/containers/till_shop_open-" + id, "/a/pods/shop_till_1//0.log",
		"/var/log/pods/sh\xff_till_1/open/0.log",
	} {
		if got := PodLabels(path); got != filename(path) {
			t.Errorf("%s: %v, want the default", path, got)
		}
	}
}
