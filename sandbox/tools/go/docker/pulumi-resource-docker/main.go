// Pulumi's Docker plugin, made of its official parts, a Terraform provider and Pulumi's bridge for such
// providers: the module of the plugin itself is not on the module proxy.
package main

import (
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// The linker sets it.
var version = "0.0.0"

func main() {
	info := tfbridge.ProviderInfo{
		P:       shim.NewProvider(provider.New(version)()),
		Name:    "docker",
		Version: version,
		// Two resources have other names in Pulumi than the bridge would make of them.
		Resources: map[string]*tfbridge.ResourceInfo{
			"docker_image":  {Tok: "docker:index/remoteImage:RemoteImage"},
			"docker_config": {Tok: "docker:index/serviceConfig:ServiceConfig"},
		},
	}
	info.MustComputeTokens(tokens.SingleModule("docker_", "index", tokens.MakeStandard("docker")))
	info.SetAutonaming(255, "-")
	tfbridge.Main("docker", version, info, nil)
}
