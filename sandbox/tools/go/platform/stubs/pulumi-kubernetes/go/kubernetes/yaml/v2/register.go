// Package v2 registers the resources that YAML manifests and charts are made of.
package v2

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// RegisterResource registers a resource under the type token of its kind, e.g. kubernetes:apps/v1:Deployment.
func RegisterResource(
	ctx *pulumi.Context, apiVersion, kind, name string, props pulumi.Input, opts ...pulumi.ResourceOption,
) (pulumi.CustomResource, error) {
	if apiVersion == "v1" {
		apiVersion = "core/v1" // the SDKs' name for the group that has none
	}
	var resource struct{ pulumi.CustomResourceState }
	err := ctx.RegisterResource("kubernetes:"+apiVersion+":"+kind, name, props, &resource, opts...)
	if err != nil {
		return nil, err
	}
	return &resource, nil
}
