// What drivers in Go share: the prompts, and one line of JSON a job.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
)

const (
	say          = "Greet me. [job:say]"
	stream       = "Tell me something. [job:stream]"
	tools        = "How warm is it in Paris and in Oslo? [job:tools]"
	structured   = "Who wrote the first program, and how old was she? [job:structured]"
	cached       = "Greet me again. [job:cached]"
	search       = "Who wrote the first program? Search for it. [job:search]"
	reason       = "Think, then greet me. [job:reason]"
	named        = "My name is Ada. [job:state]"
	askedName    = "What is my name? [job:state]"
	vision       = "What is in this picture? [job:vision]"
	wrongKey     = "sk-wrong"
	unknownModel = "nowhere"
)

type outcome map[string]any

var (
	root  = os.Getenv("CONFORMANCE_URL")
	key   = os.Getenv("CONFORMANCE_KEY")
	model = os.Getenv("CONFORMANCE_MODEL")
	city  = map[string]any{"city": map[string]any{"type": "string"}}
)

func weather(arguments string) string {
	var given struct{ City string }
	check(json.Unmarshal([]byte(arguments), &given))
	return "21 degrees in " + given.City
}

func picture() string {
	raw, err := os.ReadFile("picture.png")
	check(err)
	return base64.StdEncoding.EncodeToString(raw)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func parsed(text string) any {
	var held any
	check(json.Unmarshal([]byte(text), &held))
	return held
}

func streamed(texts []string) outcome {
	count := 0
	for _, text := range texts {
		if text != "" {
			count++
		}
	}
	if count > 2 {
		return outcome{"text": strings.Join(texts, ""), "pieces": "many"}
	}
	return outcome{"text": strings.Join(texts, ""), "pieces": count}
}

func run(jobs map[string]func() outcome) {
	for _, name := range os.Args[2:] {
		held := attempt(jobs[name])
		held["job"] = name
		line, err := json.Marshal(held)
		check(err)
		fmt.Println(string(line))
	}
}

func attempt(job func() outcome) (held outcome) {
	defer func() {
		if caught := recover(); caught != nil {
			message := strings.ReplaceAll(fmt.Sprint(caught), root, "ROOT")
			kind := reflect.TypeOf(caught).String()
			held = outcome{"error": kind, "message": message[:min(len(message), 400)]}
		}
	}()
	return job()
}
