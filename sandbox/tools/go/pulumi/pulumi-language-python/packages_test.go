package main

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

func TestPluginVersionIsSemantic(t *testing.T) {
	for version, expected := range map[string]string{
		"1.2.3":            "1.2.3",
		"1":                "1.0.0",
		"1.2a3.post4":      "1.2.0-alpha.3+post4",
		"1.2.3b1":          "1.2.3-beta.1",
		"1.2.3rc1":         "1.2.3-rc.1",
		"1.2.3.post4.dev5": "1.2.3+post4dev5",
		"2!1.2.3":          "", // an epoch
		"1.2.3+local":      "",
	} {
		if actual := pluginVersion(version); actual != expected {
			t.Errorf("%s: %q instead of %q", version, actual, expected)
		}
	}
}

func TestAPackageNeedsThePluginThatItDescribes(t *testing.T) {
	none := &plugin.PulumiPluginJSON{}
	full := &plugin.PulumiPluginJSON{Resource: true, Name: "cloud", Version: "v9.8.7", Server: "https://example.com"}
	for _, test := range []struct {
		installed
		name, version string
	}{
		{installed{"pulumi-random", "1.2.3", nil}, "random", "v1.2.3"},
		{installed{"pulumi-random", "1.2.3", &plugin.PulumiPluginJSON{Resource: true}}, "random", "v1.2.3"},
		{installed{"anything", "1.2.3", full}, "cloud", "v9.8.7"},
		{installed{"pulumi-random", "1.2.3", none}, "", ""},
		{installed{"pulumi-random", "1.2.3+local", nil}, "", ""},
		{installed{"pulumi-policy", "1.2.3", nil}, "", ""},
		{installed{"pulumi-docker", "5.2.0", &plugin.PulumiPluginJSON{Resource: true, Name: "docker"}}, "", ""},
		{installed{"pulumi", "3.2.1", nil}, "", ""},
		{installed{"requests", "1.2.3", nil}, "", ""},
	} {
		needed := test.dependency()
		if needed.GetName() != test.name || needed.GetVersion() != test.version {
			t.Errorf("%+v needs %v", test.installed, needed)
		}
	}
}
