package main

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
)

// markers holds the comments on the fields of each package's structs, by "Struct.Field": these tell which
// fields are required where JSON tags do not.
type markers map[string]map[string]*ast.CommentGroup

// required tells whether an object without that field is incomplete, by the rule of k8s.io/kube-openapi, which
// makes Kubernetes' OpenAPI documents.
func (ms markers) required(t reflect.Type, field reflect.StructField) bool {
	path := t.PkgPath()
	if _, read := ms[path]; !read {
		ms[path] = comments(path)
	}
	optional := strings.Contains(field.Tag.Get("json"), "omitempty")
	if comment := ms[path][t.Name()+"."+field.Name]; comment != nil {
		for _, line := range comment.List {
			switch strings.TrimSpace(strings.TrimPrefix(line.Text, "//")) {
			case "+required":
				return true
			case "+optional":
				optional = true
			}
		}
	}
	return !optional
}

// comments reads the source of a package.
func comments(path string) map[string]*ast.CommentGroup {
	found, err := build.Import(path, ".", 0)
	if err != nil {
		panic(err)
	}
	read := map[string]*ast.CommentGroup{}
	for _, name := range found.GoFiles {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(found.Dir, name), nil, parser.ParseComments)
		if err != nil {
			panic(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if spec, ok := node.(*ast.TypeSpec); ok {
				if body, ok := spec.Type.(*ast.StructType); ok {
					for _, field := range body.Fields.List {
						read[spec.Name.Name+"."+nameOf(field)] = field.Doc
					}
				}
			}
			return true
		})
	}
	return read
}

// nameOf is the name of a field; that of an embedded one is its type's. API types declare one field at a time.
func nameOf(field *ast.Field) string {
	if len(field.Names) > 0 {
		return field.Names[0].Name
	}
	switch embedded := field.Type.(type) {
	case *ast.SelectorExpr:
		return embedded.Sel.Name
	case *ast.Ident:
		return embedded.Name
	}
	return ""
}
