// Package helm holds the two inputs of a chart that are structures.
package helm

import (
	"reflect"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// PostRenderer is a command that changes the manifests of a chart.
type PostRenderer struct {
	Args    []string `pulumi:"args"`
	Command string   `pulumi:"command"`
}

// PostRendererInput is a PostRenderer that may hold outputs.
type PostRendererInput interface {
	pulumi.Input
	isPostRenderer()
}

// PostRendererArgs is the PostRendererInput that users write.
type PostRendererArgs struct {
	Args    pulumi.StringArrayInput `pulumi:"args"`
	Command pulumi.StringInput      `pulumi:"command"`
}

// ElementType makes PostRendererArgs a pulumi.Input.
func (PostRendererArgs) ElementType() reflect.Type { return reflect.TypeOf(PostRenderer{}) }
func (PostRendererArgs) isPostRenderer()           {}

// PostRendererOutput is a PostRenderer that is known later.
type PostRendererOutput struct{ *pulumi.OutputState }

// ElementType makes PostRendererOutput a pulumi.Output.
func (PostRendererOutput) ElementType() reflect.Type { return reflect.TypeOf(PostRenderer{}) }
func (PostRendererOutput) isPostRenderer()           {}

// RepositoryOpts says where a chart is found, and how to log in there.
type RepositoryOpts struct {
	CaFile   pulumi.AssetOrArchive `pulumi:"caFile"`
	CertFile pulumi.AssetOrArchive `pulumi:"certFile"`
	KeyFile  pulumi.AssetOrArchive `pulumi:"keyFile"`
	Password *string               `pulumi:"password"`
	Repo     *string               `pulumi:"repo"`
	Username *string               `pulumi:"username"`
}

// RepositoryOptsInput is a RepositoryOpts that may hold outputs.
type RepositoryOptsInput interface {
	pulumi.Input
	isRepositoryOpts()
}

// RepositoryOptsArgs is the RepositoryOptsInput that users write.
type RepositoryOptsArgs struct {
	CaFile   pulumi.AssetOrArchiveInput `pulumi:"caFile"`
	CertFile pulumi.AssetOrArchiveInput `pulumi:"certFile"`
	KeyFile  pulumi.AssetOrArchiveInput `pulumi:"keyFile"`
	Password pulumi.StringPtrInput      `pulumi:"password"`
	Repo     pulumi.StringPtrInput      `pulumi:"repo"`
	Username pulumi.StringPtrInput      `pulumi:"username"`
}

// ElementType makes RepositoryOptsArgs a pulumi.Input.
func (RepositoryOptsArgs) ElementType() reflect.Type { return reflect.TypeOf(RepositoryOpts{}) }
func (RepositoryOptsArgs) isRepositoryOpts()         {}

// RepositoryOptsOutput is a RepositoryOpts that is known later.
type RepositoryOptsOutput struct{ *pulumi.OutputState }

// ElementType makes RepositoryOptsOutput a pulumi.Output.
func (RepositoryOptsOutput) ElementType() reflect.Type { return reflect.TypeOf(RepositoryOpts{}) }
func (RepositoryOptsOutput) isRepositoryOpts()         {}

func init() {
	pulumi.RegisterInputType(reflect.TypeOf((*PostRendererInput)(nil)).Elem(), PostRendererArgs{})
	pulumi.RegisterInputType(reflect.TypeOf((*RepositoryOptsInput)(nil)).Elem(), RepositoryOptsArgs{})
	pulumi.RegisterOutputType(PostRendererOutput{})
	pulumi.RegisterOutputType(RepositoryOptsOutput{})
}
