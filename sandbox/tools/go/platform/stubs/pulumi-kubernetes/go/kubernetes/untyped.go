// Package kubernetes holds what the plugin itself uses of Pulumi's Go SDK for Kubernetes.
//
// The whole SDK has a type for every kind of every version of Kubernetes: compiling these is two thirds
// of the work, and the plugin uses none of them.
package kubernetes

import "reflect"

// UntypedArgs are the inputs of a resource as they stand in its manifest.
type UntypedArgs map[string]any

// ElementType makes UntypedArgs a pulumi.Input.
func (UntypedArgs) ElementType() reflect.Type { return reflect.TypeOf(map[string]any{}) }
