// The official github.com/openai/openai-go.
package main

import (
	"context"
	"errors"
	"os"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

var (
	ctx    = context.Background()
	client = open(key)
	schema = map[string]any{"type": "object", "properties": city, "required": []string{"city"}}
	person = map[string]any{
		"type": "object",
		"properties": map[string]any{
			"name": map[string]any{"type": "string"},
			"age":  map[string]any{"type": "integer"},
		},
		"required":             []string{"name", "age"},
		"additionalProperties": false,
	}
)

func open(by string) openai.Client {
	return openai.NewClient(
		option.WithBaseURL(root+"/v1"), option.WithAPIKey(by), option.WithMaxRetries(0),
	)
}

func told(err error) outcome {
	var failed *openai.Error
	if errors.As(err, &failed) {
		return outcome{"status": failed.StatusCode, "code": failed.Code, "type": failed.Type}
	}
	return outcome{"class": "none"}
}

func asked[T string | []openai.ChatCompletionContentPartUnionParam](content T) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:    model,
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(content)},
	}
}

func chat(params openai.ChatCompletionNewParams) *openai.ChatCompletion {
	answer, err := client.Chat.Completions.New(ctx, params)
	check(err)
	return answer
}

func chatStream(params openai.ChatCompletionNewParams) (texts []string, used openai.CompletionUsage) {
	params.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
	chunks := client.Chat.Completions.NewStreaming(ctx, params)
	held := openai.ChatCompletionAccumulator{}
	for chunks.Next() {
		chunk := chunks.Current()
		held.AddChunk(chunk)
		if len(chunk.Choices) > 0 {
			texts = append(texts, chunk.Choices[0].Delta.Content)
		}
	}
	check(chunks.Err())
	return texts, held.Usage
}

func chatTools() outcome {
	params := asked(tools)
	params.Tools = []openai.ChatCompletionToolUnionParam{
		openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name: "get_weather", Parameters: schema,
		}),
	}
	message := chat(params).Choices[0].Message
	params.Messages = append(params.Messages, message.ToParam())
	calls := [][]any{}
	for _, call := range message.ToolCalls {
		calls = append(calls, []any{call.Function.Name, parsed(call.Function.Arguments)})
		said := openai.ToolMessage(weather(call.Function.Arguments), call.ID)
		params.Messages = append(params.Messages, said)
	}
	return outcome{"text": chat(params).Choices[0].Message.Content, "calls": calls}
}

func chatStructured() outcome {
	params := asked(structured)
	wanted := shared.ResponseFormatJSONSchemaJSONSchemaParam{
		Name: "person", Schema: person, Strict: openai.Bool(true),
	}
	params.ResponseFormat = openai.ChatCompletionNewParamsResponseFormatUnion{
		OfJSONSchema: &shared.ResponseFormatJSONSchemaParam{JSONSchema: wanted},
	}
	return outcome{"parsed": parsed(chat(params).Choices[0].Message.Content)}
}

func chatErrors() outcome {
	stranger := open(wrongKey)
	_, byKey := stranger.Chat.Completions.New(ctx, asked(say))
	unknown := asked(say)
	unknown.Model = unknownModel
	_, byModel := client.Chat.Completions.New(ctx, unknown)
	return outcome{"key": told(byKey), "model": told(byModel)}
}

var chats = map[string]func() outcome{
	"say":        func() outcome { return outcome{"text": chat(asked(say)).Choices[0].Message.Content} },
	"tools":      chatTools,
	"structured": chatStructured,
	"errors":     chatErrors,
	"cached":     chatCached,
	"moderate":   moderate,
	"image":      image,
	"speech":     speech,
	"transcribe": transcribe,
	"stream": func() outcome {
		texts, _ := chatStream(asked(stream))
		return streamed(texts)
	},
	"vision": func() outcome {
		url := openai.ChatCompletionContentPartImageImageURLParam{
			URL: "data:image/png;base64," + picture(),
		}
		parts := []openai.ChatCompletionContentPartUnionParam{
			openai.TextContentPart(vision), openai.ImageContentPart(url),
		}
		return outcome{"text": chat(asked(parts)).Choices[0].Message.Content}
	},
	"usage": func() outcome {
		whole := chat(asked(say)).Usage
		_, last := chatStream(asked(stream))
		return outcome{
			"whole":    []int64{whole.PromptTokens, whole.CompletionTokens},
			"streamed": []int64{last.PromptTokens, last.CompletionTokens},
		}
	},
	"embed": func() outcome {
		answer, err := client.Embeddings.New(ctx, openai.EmbeddingNewParams{
			Model: model,
			Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"one", "two"}},
		})
		check(err)
		vectors := [][]float64{}
		for _, one := range answer.Data {
			vectors = append(vectors, one.Embedding)
		}
		return outcome{"vectors": vectors}
	},
	"complete": func() outcome {
		answer, err := client.Completions.New(ctx, openai.CompletionNewParams{
			Model:  openai.CompletionNewParamsModel(model),
			Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("Once upon a time")},
		})
		check(err)
		return outcome{"text": answer.Choices[0].Text}
	},
}

func input(items ...responses.ResponseInputItemUnionParam) responses.ResponseNewParams {
	return responses.ResponseNewParams{
		Model: model,
		Input: responses.ResponseNewParamsInputUnion{OfInputItemList: items},
	}
}

func text(said string) responses.ResponseNewParams {
	held := responses.ResponseNewParamsInputUnion{OfString: openai.String(said)}
	return responses.ResponseNewParams{Model: model, Input: held}
}

func respond(params responses.ResponseNewParams) *responses.Response {
	answer, err := client.Responses.New(ctx, params)
	check(err)
	return answer
}

func responseStream(params responses.ResponseNewParams) (texts []string, last responses.Response) {
	events := client.Responses.NewStreaming(ctx, params)
	for events.Next() {
		event := events.Current()
		switch event.Type {
		case "response.output_text.delta":
			texts = append(texts, event.Delta)
		case "response.completed":
			last = event.Response
		}
	}
	check(events.Err())
	return texts, last
}

func responseTools() outcome {
	user := responses.ResponseInputItemParamOfMessage(tools, responses.EasyInputMessageRoleUser)
	items := []responses.ResponseInputItemUnionParam{user}
	offered := []responses.ToolUnionParam{responses.ToolParamOfFunction("get_weather", schema, false)}
	first := input(items...)
	first.Tools = offered
	calls := [][]any{}
	for _, item := range respond(first).Output {
		if item.Type != "function_call" {
			continue
		}
		call := item.AsFunctionCall()
		calls = append(calls, []any{call.Name, parsed(call.Arguments)})
		made := responses.ResponseInputItemParamOfFunctionCall(call.Arguments, call.CallID, call.Name)
		said := responses.ResponseInputItemUnionParam{
			OfFunctionCallOutput: &responses.ResponseInputItemFunctionCallOutputParam{
				CallID: openai.String(call.CallID),
				Output: responses.ResponseInputItemFunctionCallOutputOutputUnionParam{
					OfString: openai.String(weather(call.Arguments)),
				},
			},
		}
		items = append(items, made, said)
	}
	second := input(items...)
	second.Tools = offered
	return outcome{"text": respond(second).OutputText(), "calls": calls}
}

var answers = map[string]func() outcome{
	"say":    func() outcome { return outcome{"text": respond(text(say)).OutputText()} },
	"tools":  responseTools,
	"cached": responseCached,
	"search": responseSearch,
	"reason": responseReason,
	"state":  responseState,
	"stream": func() outcome {
		texts, _ := responseStream(text(stream))
		return streamed(texts)
	},
	"structured": func() outcome {
		params := text(structured)
		params.Text = responses.ResponseTextConfigParam{
			Format: responses.ResponseFormatTextConfigParamOfJSONSchema("person", person),
		}
		return outcome{"parsed": parsed(respond(params).OutputText())}
	},
	"vision": func() outcome {
		image := responses.ResponseInputContentParamOfInputImage("auto")
		image.OfInputImage.ImageURL = openai.String("data:image/png;base64," + picture())
		parts := responses.ResponseInputMessageContentListParam{
			responses.ResponseInputContentParamOfInputText(vision), image,
		}
		user := responses.ResponseInputItemParamOfMessage(parts, responses.EasyInputMessageRoleUser)
		return outcome{"text": respond(input(user)).OutputText()}
	},
	"usage": func() outcome {
		whole := respond(text(say)).Usage
		_, last := responseStream(text(stream))
		return outcome{
			"whole":    []int64{whole.InputTokens, whole.OutputTokens},
			"streamed": []int64{last.Usage.InputTokens, last.Usage.OutputTokens},
		}
	},
	"errors": func() outcome {
		stranger := open(wrongKey)
		_, byKey := stranger.Responses.New(ctx, text(say))
		unknown := text(say)
		unknown.Model = unknownModel
		_, byModel := client.Responses.New(ctx, unknown)
		return outcome{"key": told(byKey), "model": told(byModel)}
	},
}

func main() {
	if os.Args[1] == "responses" {
		run(answers)
	} else {
		run(chats)
	}
}
