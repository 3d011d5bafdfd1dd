// What is asked beside conversations, and what servers keep and search for, by openai-go.
package main

import (
	"encoding/base64"
	"io"
	"os"
	"sort"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"
)

func opened(name string) *os.File {
	file, err := os.Open(name)
	check(err)
	return file
}

func shown(images *openai.ImagesResponse, err error) string {
	check(err)
	raw, err := base64.StdEncoding.DecodeString(images.Data[0].B64JSON)
	check(err)
	return string(raw)
}

func image() outcome {
	picture := opened("picture.png")
	defer picture.Close()
	made := shown(client.Images.Generate(ctx, openai.ImageGenerateParams{Model: model, Prompt: "a cat"}))
	changed := shown(client.Images.Edit(ctx, openai.ImageEditParams{
		Model: model, Prompt: "a dog", Image: openai.ImageEditParamsImageUnion{OfFile: picture},
	}))
	return outcome{"made": made, "changed": changed}
}

func speech() outcome {
	answer, err := client.Audio.Speech.New(ctx, openai.AudioSpeechNewParams{
		Model: model,
		Input: "Hello",
		Voice: openai.AudioSpeechNewParamsVoiceUnion{OfString: openai.String("alloy")},
	})
	check(err)
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	check(err)
	return outcome{"sound": string(raw[:23]), "bytes": len(raw)}
}

func transcribe() outcome {
	sound := opened("sound.wav")
	defer sound.Close()
	params := openai.AudioTranscriptionNewParams{Model: model, File: sound}
	answer, err := client.Audio.Transcriptions.New(ctx, params)
	check(err)
	return outcome{"text": answer.Text}
}

func moderate() outcome {
	answer, err := client.Moderations.New(ctx, openai.ModerationNewParams{
		Model: model,
		Input: openai.ModerationNewParamsInputUnion{OfString: openai.String("I hate it")},
	})
	check(err)
	return outcome{"flagged": answer.Results[0].Flagged}
}

func chatCached() outcome {
	used := chat(asked(cached)).Usage
	return outcome{"cached": used.PromptTokensDetails.CachedTokens, "input": used.PromptTokens}
}

func responseCached() outcome {
	used := respond(text(cached)).Usage
	return outcome{"cached": used.InputTokensDetails.CachedTokens, "input": used.InputTokens}
}

func responseSearch() outcome {
	params := text(search)
	params.Tools = []responses.ToolUnionParam{responses.ToolParamOfWebSearch("web_search")}
	answer := respond(params)
	kinds := []string{}
	for _, item := range answer.Output {
		kinds = append(kinds, item.Type)
	}
	cited := answer.Output[len(answer.Output)-1].Content[0].Annotations[0].URL
	return outcome{"text": answer.OutputText(), "source": cited, "items": kinds}
}

func responseReason() outcome {
	user := responses.ResponseInputItemParamOfMessage(reason, responses.EasyInputMessageRoleUser)
	asks := func(items ...responses.ResponseInputItemUnionParam) *responses.Response {
		params := input(items...)
		params.Store = openai.Bool(false)
		params.Include = []responses.ResponseIncludable{"reasoning.encrypted_content"}
		return respond(params)
	}
	first := asks(user)
	thought := first.Output[0].AsReasoning()
	sealed, said := thought.ToParam(), first.Output[1].AsMessage().ToParam()
	again := asks(
		user,
		responses.ResponseInputItemUnionParam{OfReasoning: &sealed},
		responses.ResponseInputItemUnionParam{OfOutputMessage: &said},
		user,
	)
	return outcome{"thought": thought.Summary[0].Text, "text": again.OutputText()}
}

func responseState() outcome {
	follow := text(askedName)
	follow.PreviousResponseID = openai.String(respond(text(named)).ID)
	second := respond(follow)
	kept, err := client.Responses.Get(ctx, second.ID, responses.ResponseGetParams{})
	check(err)
	roles := []string{}
	items := client.Responses.InputItems.ListAutoPaging(ctx, second.ID, responses.InputItemListParams{})
	for items.Next() {
		roles = append(roles, string(items.Current().Role))
	}
	check(items.Err())
	sort.Strings(roles)
	check(client.Responses.Delete(ctx, second.ID))
	_, gone := client.Responses.Get(ctx, second.ID, responses.ResponseGetParams{})
	follow.PreviousResponseID = openai.String(second.ID)
	_, goesOn := client.Responses.New(ctx, follow)
	return outcome{
		"text":    second.OutputText(),
		"kept":    kept.OutputText() == second.OutputText(),
		"status":  kept.Status,
		"items":   roles,
		"gone":    told(gone)["status"],
		"goes_on": told(goesOn)["status"],
	}
}
