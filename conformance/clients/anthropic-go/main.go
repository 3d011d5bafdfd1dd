// The official github.com/anthropics/anthropic-sdk-go.
package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
)

var (
	ctx    = context.Background()
	client = open(key)
)

func open(by string) anthropic.Client {
	return anthropic.NewClient(
		option.WithBaseURL(root), option.WithAPIKey(by), option.WithMaxRetries(0),
	)
}

func told(err error) outcome {
	var failed *anthropic.Error
	if errors.As(err, &failed) {
		return outcome{"status": failed.StatusCode}
	}
	return outcome{"class": "none"}
}

func asked(blocks ...anthropic.ContentBlockParamUnion) anthropic.MessageNewParams {
	return anthropic.MessageNewParams{
		Model:     anthropic.Model(model),
		MaxTokens: 500,
		Messages:  []anthropic.MessageParam{anthropic.NewUserMessage(blocks...)},
	}
}

func text(said string) anthropic.MessageNewParams {
	return asked(anthropic.NewTextBlock(said))
}

func ask(params anthropic.MessageNewParams) *anthropic.Message {
	message, err := client.Messages.New(ctx, params)
	check(err)
	return message
}

func textOf(message *anthropic.Message) (said string) {
	for _, block := range message.Content {
		said += block.Text
	}
	return said
}

func listen(params anthropic.MessageNewParams) (texts []string, message anthropic.Message) {
	events := client.Messages.NewStreaming(ctx, params)
	for events.Next() {
		event := events.Current()
		check(message.Accumulate(event))
		if event.Type == "content_block_delta" {
			texts = append(texts, event.Delta.Text)
		}
	}
	check(events.Err())
	return texts, message
}

func callTools() outcome {
	params := text(tools)
	schema := anthropic.ToolInputSchemaParam{Properties: city, Required: []string{"city"}}
	params.Tools = []anthropic.ToolUnionParam{anthropic.ToolUnionParamOfTool(schema, "get_weather")}
	message := ask(params)
	calls := [][]any{}
	results := []anthropic.ContentBlockParamUnion{}
	for _, block := range message.Content {
		if block.Type == "tool_use" {
			calls = append(calls, []any{block.Name, parsed(string(block.Input))})
			said := weather(string(block.Input))
			results = append(results, anthropic.NewToolResultBlock(block.ID, said, false))
		}
	}
	params.Messages = append(params.Messages, message.ToParam(), anthropic.NewUserMessage(results...))
	_, last := listen(params)
	return outcome{"text": textOf(&last), "calls": calls, "stop": message.StopReason}
}

func searchWeb() outcome {
	params := text(search)
	offered := &anthropic.WebSearchTool20250305Param{}
	params.Tools = []anthropic.ToolUnionParam{{OfWebSearchTool20250305: offered}}
	kinds := func(message *anthropic.Message) (held []string) {
		for _, block := range message.Content {
			held = append(held, block.Type)
		}
		return held
	}
	whole := ask(params)
	_, last := listen(params)
	return outcome{
		"text":     textOf(whole),
		"source":   whole.Content[1].Content.OfWebSearchResultBlockArray[0].URL,
		"items":    kinds(whole),
		"streamed": kinds(&last),
		"query":    parsed(string(last.Content[0].Input)),
	}
}

// The thought is streamed, as long ones are, and given back.
func thinkFirst() outcome {
	params := text(reason)
	params.MaxTokens = 2000
	params.Thinking = anthropic.ThinkingConfigParamOfEnabled(1024)
	_, first := listen(params)
	more := anthropic.NewUserMessage(anthropic.NewTextBlock(reason))
	params.Messages = append(params.Messages, first.ToParam(), more)
	return outcome{"thought": first.Content[0].Thinking, "text": textOf(ask(params))}
}

func main() {
	run(map[string]func() outcome{
		"say":    func() outcome { return outcome{"text": textOf(ask(text(say)))} },
		"tools":  callTools,
		"search": searchWeb,
		"reason": thinkFirst,
		"cached": func() outcome {
			part := anthropic.NewTextBlock(cached)
			part.OfText.CacheControl = anthropic.NewCacheControlEphemeralParam()
			used := ask(asked(part)).Usage
			return outcome{"cached": used.CacheReadInputTokens, "input": used.InputTokens}
		},
		"stream": func() outcome {
			texts, _ := listen(text(stream))
			return streamed(texts)
		},
		"structured": func() outcome {
			params := text(structured)
			schema := anthropic.ToolInputSchemaParam{Properties: map[string]any{
				"name": map[string]any{"type": "string"},
				"age":  map[string]any{"type": "integer"},
			}}
			params.Tools = []anthropic.ToolUnionParam{anthropic.ToolUnionParamOfTool(schema, "person")}
			params.ToolChoice = anthropic.ToolChoiceParamOfTool("person")
			var held any
			check(json.Unmarshal(ask(params).Content[0].Input, &held))
			return outcome{"parsed": held}
		},
		"vision": func() outcome {
			image := anthropic.NewImageBlockBase64("image/png", picture())
			return outcome{"text": textOf(ask(asked(image, anthropic.NewTextBlock(vision))))}
		},
		"usage": func() outcome {
			whole := ask(text(say)).Usage
			_, last := listen(text(stream))
			return outcome{
				"whole":    []int64{whole.InputTokens, whole.OutputTokens},
				"streamed": []int64{last.Usage.InputTokens, last.Usage.OutputTokens},
			}
		},
		"errors": func() outcome {
			stranger := open(wrongKey)
			_, byKey := stranger.Messages.New(ctx, text(say))
			unknown := text(say)
			unknown.Model = unknownModel
			_, byModel := client.Messages.New(ctx, unknown)
			return outcome{"key": told(byKey), "model": told(byModel)}
		},
		"count": func() outcome {
			params := anthropic.MessageCountTokensParams{
				Model: anthropic.Model(model), Messages: text(say).Messages,
			}
			counted, err := client.Messages.CountTokens(ctx, params)
			check(err)
			return outcome{"counted": counted.InputTokens > 0}
		},
	})
}
