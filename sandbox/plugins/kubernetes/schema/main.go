// Prints the Go types of the built-in Kubernetes kinds as JSON, one type a line: types.json beside this file.
//
//	go run . > types.json
//
// The official plugin passes inputs through these types before it compares or stores them: unknown fields go,
// as do zero values of fields that are marked omitempty and no pointers, and quantities take their canonical
// form. An OpenAPI document does not tell pointers from values, so the types themselves are asked.
//
// A field is written as its JSON name, with its type: s string, b bool, i integer, f float, y bytes,
// q Quantity, x IntOrString, t Time, u MicroTime, d Duration, r anything, #name a struct, [] list of, {} map of,
// * pointer to, | or; at its end ? for omitempty. Beside the types, the names of their required fields.
//
// Among the kinds are those that inputs pass through: these are in the scheme of Kubernetes' client. The others
// serve to describe what there is.
package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strings"

	extensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/scheme"
	registration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

var special = map[reflect.Type]string{
	reflect.TypeFor[resource.Quantity]():    "q",
	reflect.TypeFor[intstr.IntOrString]():   "x",
	reflect.TypeFor[metav1.Time]():          "t",
	reflect.TypeFor[metav1.MicroTime]():     "u",
	reflect.TypeFor[metav1.Duration]():      "d",
	reflect.TypeFor[metav1.FieldsV1]():      "r",
	reflect.TypeFor[runtime.RawExtension](): "r",

	reflect.TypeFor[extensions.JSON]():                            "r",
	reflect.TypeFor[extensions.CustomResourceSubresourceStatus](): "r",
	reflect.TypeFor[extensions.JSONSchemaPropsOrBool]():           "#apiextensions/v1.JSONSchemaProps|b",
	reflect.TypeFor[extensions.JSONSchemaPropsOrArray]():          "#apiextensions/v1.JSONSchemaProps|[]r",
	reflect.TypeFor[extensions.JSONSchemaPropsOrStringArray]():    "#apiextensions/v1.JSONSchemaProps|[]s",
}

var others = map[string]reflect.Type{
	"apiextensions.k8s.io/v1/CustomResourceDefinition": reflect.TypeFor[extensions.CustomResourceDefinition](),
	"apiregistration.k8s.io/v1/APIService":             reflect.TypeFor[registration.APIService](),
}

var scalars = map[reflect.Kind]string{
	reflect.String: "s", reflect.Bool: "b", reflect.Float32: "f", reflect.Float64: "f",
	reflect.Int: "i", reflect.Int8: "i", reflect.Int16: "i", reflect.Int32: "i", reflect.Int64: "i",
	reflect.Uint8: "i", reflect.Uint16: "i", reflect.Uint32: "i", reflect.Uint64: "i",
}

type types struct {
	fields   map[string]map[string]string
	required map[string][]string
	markers  markers
}

func (ts types) name(t reflect.Type) string {
	if known, ok := special[t]; ok {
		return known
	}
	if scalar, ok := scalars[t.Kind()]; ok {
		return scalar
	}
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + ts.name(t.Elem())
	case reflect.Map:
		return "{}" + ts.name(t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "y"
		}
		return "[]" + ts.name(t.Elem())
	case reflect.Struct:
		parts := strings.Split(t.PkgPath(), "/")
		name := strings.Join(parts[len(parts)-2:], "/") + "." + t.Name()
		if _, seen := ts.fields[name]; !seen {
			ts.fields[name] = map[string]string{}
			ts.read(t, name)
			sort.Strings(ts.required[name])
		}
		return "#" + name
	}
	panic(fmt.Sprintf("no notation for %s", t))
}

// read adds the fields of a struct to those of the type with that name.
func (ts types) read(t reflect.Type, into string) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			ts.read(field.Type, into)
			continue
		}
		notation := ts.name(field.Type)
		if strings.Contains(options, "omitempty") {
			notation += "?"
		}
		ts.fields[into][name] = notation
		if ts.markers.required(t, field) {
			ts.required[into] = append(ts.required[into], name)
		}
	}
}

// life tells in which version of Kubernetes a kind came, in which it goes (0.0 if in none), and what replaces it.
func life(object any) []string {
	comes, ok := object.(interface{ APILifecycleIntroduced() (int, int) })
	if !ok {
		return nil
	}
	came, cameMinor := comes.APILifecycleIntroduced()
	gone, goneMinor := 0, 0
	if goes, ok := object.(interface{ APILifecycleRemoved() (int, int) }); ok {
		gone, goneMinor = goes.APILifecycleRemoved()
	}
	story := []string{fmt.Sprintf("%d.%d", came, cameMinor), fmt.Sprintf("%d.%d", gone, goneMinor)}
	if heir, ok := object.(interface {
		APILifecycleReplacement() schema.GroupVersionKind
	}); ok {
		gvk := heir.APILifecycleReplacement()
		story = append(story, gvk.GroupVersion().String()+"/"+gvk.Kind)
	}
	return story
}

func lines[V any](entries map[string]V) string {
	keys := make([]string, 0, len(entries))
	for key := range entries {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for i, key := range keys {
		value, err := json.Marshal(entries[key])
		if err != nil {
			panic(err)
		}
		keys[i] = fmt.Sprintf("%q:%s", key, value)
	}
	return strings.Join(keys, ",\n")
}

func main() {
	all := types{map[string]map[string]string{}, map[string][]string{}, markers{}}
	kinds, described, lives := map[string]string{}, map[string]string{}, map[string][]string{}
	for gvk, t := range scheme.Scheme.AllKnownTypes() {
		object := reflect.New(t).Interface()
		if _, ok := object.(metav1.Object); !ok || gvk.Version == runtime.APIVersionInternal {
			continue
		}
		key := gvk.GroupVersion().String() + "/" + gvk.Kind
		kinds[key] = all.name(t)[1:]
		if story := life(object); story != nil {
			lives[key] = story
		}
	}
	for key, t := range others {
		described[key] = all.name(t)[1:]
	}
	fmt.Printf("{\"kinds\":{\n%s},\n\"others\":{\n%s},\n\"lifecycles\":{\n%s},\n\"required\":{\n%s},\n\"types\":{\n%s}}\n",
		lines(kinds), lines(described), lines(lives), lines(all.required), lines(all.fields))
}
