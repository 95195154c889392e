// Runs scripts of Argo CD as Argo CD does: in the interpreter that it embeds, with the libraries that it opens
// (base, package and table, and an os that can only tell the time), with the object as the global obj.
//
// Standard input holds one run after the other, {"script": …, "object": …}; each answer is one line,
// {"result": …} with what the script returned, or {"error": …}.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"time"

	lua "github.com/yuin/gopher-lua"
)

type run struct {
	Script string `json:"script"`
	Object any    `json:"object"`
}

type answer struct {
	Result any    `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
}

func main() {
	if err := answerAll(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func answerAll(in io.Reader, out io.Writer) error {
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var next run
		if err := decoder.Decode(&next); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var said answer
		if result, err := next.execute(); err != nil {
			said.Error = err.Error()
		} else {
			said.Result = result
		}
		if err := encoder.Encode(said); err != nil {
			return err
		}
	}
}

func (r run) execute() (any, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.BaseLibName: lua.OpenBase,
		lua.TabLibName:  lua.OpenTable,
		lua.LoadLibName: lua.OpenPackage,
	} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return nil, err
		}
	}
	state.PreloadModule(lua.OsLibName, clock)
	// The time that Argo CD gives a script.
	limit, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(limit)
	state.SetGlobal("obj", toLua(state, r.Object))
	if err := state.DoString(r.Script); err != nil {
		return nil, err
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("the script returned a %s and no table", state.Get(-1).Type())
	}
	return fromLua(table)
}

// clock is the os of Argo CD as far as scripts here need it: the time in UTC, in the one form of its own scripts.
func clock(state *lua.LState) int {
	state.Push(state.SetFuncs(state.NewTable(), map[string]lua.LGFunction{"date": func(state *lua.LState) int {
		if format := state.CheckString(1); format != "!%Y-%m-%dT%XZ" {
			state.RaiseError("os.date(%q) is not known here", format)
		}
		state.Push(lua.LString(time.Now().UTC().Format("2006-01-02T15:04:05Z")))
		return 1
	}}))
	return 1
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case float64:
		return lua.LNumber(value)
	case string:
		return lua.LString(value)
	case []any:
		table := state.NewTable()
		for _, item := range value {
			table.Append(toLua(state, item))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for key, item := range value {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	default:
		return lua.LNil
	}
}

// fromLua turns a table into a list if its keys are 1 to n, else into an object. An empty one is a list, as with Argo CD.
func fromLua(value lua.LValue) (any, error) {
	switch value := value.(type) {
	case lua.LBool:
		return bool(value), nil
	case lua.LNumber:
		return float64(value), nil
	case lua.LString:
		return string(value), nil
	case *lua.LTable:
		return fromTable(value)
	default:
		return nil, fmt.Errorf("a %s cannot be part of a result", value.Type())
	}
}

func fromTable(table *lua.LTable) (any, error) {
	list, object := []any{}, map[string]any{}
	var failed error
	table.ForEach(func(key, item lua.LValue) {
		converted, err := fromLua(item)
		if err != nil {
			failed = err
		}
		switch key := key.(type) {
		case lua.LString:
			object[string(key)] = converted
		case lua.LNumber:
			list = append(list, converted)
		default:
			failed = fmt.Errorf("a %s cannot be a key of a result", key.Type())
		}
	})
	switch {
	case failed != nil:
		return nil, failed
	case len(object) == 0:
		return list, nil
	case len(list) > 0:
		keys := make([]string, 0, len(object))
		for key := range object {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		return nil, fmt.Errorf("a table has both numbers and names as keys: %v", keys)
	default:
		return object, nil
	}
}
