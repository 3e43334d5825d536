// Renders a chart's templates as Helm does, as far as these go: Go's own engine with the functions that the chart uses.
// toYaml writes JSON, which is YAML. Usage: go run render.go CHART VALUES.json; every template follows a line "# file".
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

type files string

func (root files) Get(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(string(root), name))
	return string(text), err
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	chart := os.Args[1]
	text, err := os.ReadFile(os.Args[2])
	must(err)
	var values map[string]any
	must(json.Unmarshal(text, &values))
	all := template.New("chart").Option("missingkey=error")
	indent := func(width int, text string) string {
		margin := strings.Repeat(" ", width)
		return margin + strings.ReplaceAll(text, "\n", "\n"+margin)
	}
	all.Funcs(template.FuncMap{
		"indent":  indent,
		"nindent": func(width int, text string) string { return "\n" + indent(width, text) },
		"quote":   func(value any) string { return fmt.Sprintf("%q", value) },
		"list":    func(values ...any) []any { return values },
		"default": func(fallback any, value any) any {
			if truth, ok := template.IsTrue(value); ok && truth {
				return value
			}
			return fallback
		},
		"toYaml": func(value any) (string, error) {
			text, err := json.Marshal(value)
			return string(text), err
		},
		"include": func(name string, data any) (string, error) {
			var out bytes.Buffer
			err := all.ExecuteTemplate(&out, name, data)
			return out.String(), err
		},
	})
	paths, err := filepath.Glob(filepath.Join(chart, "templates", "*"))
	must(err)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		must(err)
		_, err = all.New(filepath.Base(path)).Parse(string(text))
		must(err)
	}
	data := map[string]any{
		"Values":  values,
		"Files":   files(chart),
		"Release": map[string]any{"Namespace": "shop", "Name": "shop"},
		"Chart":   map[string]any{"AppVersion": "0.1.0"},
	}
	for _, name := range []string{"outrigger.container", "outrigger.volume"} {
		fmt.Printf("---\n# %s\n", name)
		must(all.ExecuteTemplate(os.Stdout, name, data))
		fmt.Println()
	}
	for _, path := range paths {
		name := filepath.Base(path)
		if strings.HasPrefix(name, "_") {
			continue
		}
		fmt.Printf("---\n# %s\n", name)
		must(all.ExecuteTemplate(os.Stdout, name, data))
	}
}
