CREATE TABLE ability_cards (
	name VARCHAR(128) NOT NULL,
	number INTEGER NOT NULL,
	at BIGINT NOT NULL,
	classifier VARCHAR(64) NOT NULL,
	card BYTEA NOT NULL,
	reason VARCHAR(512) NOT NULL,
	active BOOLEAN NOT NULL,
	PRIMARY KEY (name, number)
);
CREATE TABLE admin_answers (
	credential VARCHAR(100) NOT NULL,
	key VARCHAR(255) NOT NULL,
	asked BYTEA NOT NULL,
	claim VARCHAR(32) NOT NULL,
	claimed_at BIGINT NOT NULL,
	answer BYTEA,
	PRIMARY KEY (credential, key)
);
CREATE INDEX admin_answers_claimed_at ON admin_answers (claimed_at);
CREATE TABLE admin_credentials (
	credential VARCHAR(40) NOT NULL,
	hash BYTEA NOT NULL,
	name VARCHAR(128) NOT NULL,
	role VARCHAR(20) NOT NULL,
	organization VARCHAR(128),
	created_at BIGINT NOT NULL,
	created_by VARCHAR(300) NOT NULL,
	expires_at BIGINT,
	revoked_at BIGINT,
	version INTEGER NOT NULL,
	PRIMARY KEY (credential),
	UNIQUE (hash)
);
CREATE TABLE api_keys (
	key_id VARCHAR(40) NOT NULL,
	key_hash BYTEA NOT NULL,
	organization VARCHAR(128) NOT NULL,
	team VARCHAR(128),
	tier VARCHAR(128) NOT NULL,
	created_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	revoked_at TIMESTAMP WITHOUT TIME ZONE,
	PRIMARY KEY (key_id),
	UNIQUE (key_hash)
);
CREATE INDEX api_keys_revoked_at ON api_keys (revoked_at);
CREATE TABLE audit_head (
	id INTEGER NOT NULL,
	seq BIGINT NOT NULL,
	hash VARCHAR(64) NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE audit_log (
	seq BIGINT NOT NULL,
	at BIGINT NOT NULL,
	actor VARCHAR(300) NOT NULL,
	credential VARCHAR(100) NOT NULL,
	address VARCHAR(100) NOT NULL,
	request_id VARCHAR(100) NOT NULL,
	action VARCHAR(100) NOT NULL,
	target VARCHAR(1000) NOT NULL,
	organization VARCHAR(128),
	before TEXT NOT NULL,
	after TEXT NOT NULL,
	previous VARCHAR(64) NOT NULL,
	hash VARCHAR(64) NOT NULL,
	PRIMARY KEY (seq)
);
CREATE INDEX audit_log_at ON audit_log (at);
CREATE INDEX audit_log_organization ON audit_log (organization, seq);
CREATE TABLE card_attempts (
	name VARCHAR(128) NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (name)
);
CREATE TABLE card_rollbacks (
	name VARCHAR(128) NOT NULL,
	number INTEGER NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (name, number)
);
CREATE TABLE decisions (
	decision VARCHAR(64) NOT NULL,
	at BIGINT NOT NULL,
	organization VARCHAR(128) NOT NULL,
	route VARCHAR(128) NOT NULL,
	backend VARCHAR(128) NOT NULL,
	ability VARCHAR(128) NOT NULL,
	predicted FLOAT NOT NULL,
	classifier VARCHAR(64) NOT NULL,
	z BYTEA NOT NULL,
	embedding BYTEA NOT NULL,
	PRIMARY KEY (decision)
);
CREATE INDEX decisions_at ON decisions (at);
CREATE TABLE ledger_epoch (
	number INTEGER NOT NULL,
	epoch VARCHAR(32) NOT NULL,
	PRIMARY KEY (number)
);
CREATE TABLE ledger_limits (
	process VARCHAR(8) NOT NULL,
	since BIGINT NOT NULL,
	limits TEXT NOT NULL,
	PRIMARY KEY (process, since)
);
CREATE TABLE outcome_prompts (
	decision VARCHAR(64) NOT NULL,
	at BIGINT NOT NULL,
	asked BYTEA NOT NULL,
	PRIMARY KEY (decision)
);
CREATE INDEX outcome_prompts_at ON outcome_prompts (at);
CREATE TABLE outcomes (
	decision VARCHAR(64) NOT NULL,
	source VARCHAR(16) NOT NULL,
	by VARCHAR(64) NOT NULL,
	at BIGINT NOT NULL,
	organization VARCHAR(128) NOT NULL,
	route VARCHAR(128) NOT NULL,
	backend VARCHAR(128) NOT NULL,
	ability VARCHAR(128) NOT NULL,
	predicted FLOAT NOT NULL,
	score FLOAT NOT NULL,
	classifier VARCHAR(64) NOT NULL,
	z BYTEA NOT NULL,
	embedding BYTEA NOT NULL,
	PRIMARY KEY (decision, source, by)
);
CREATE INDEX outcomes_ability ON outcomes (ability, at);
CREATE TABLE owned_resources (
	id VARCHAR(256) NOT NULL,
	family VARCHAR(32) NOT NULL,
	backend VARCHAR(128) NOT NULL,
	organization VARCHAR(128) NOT NULL,
	kind VARCHAR(16) NOT NULL,
	state VARCHAR(16) NOT NULL,
	at BIGINT NOT NULL,
	size BIGINT NOT NULL,
	bound BYTEA NOT NULL,
	source VARCHAR(256) NOT NULL,
	hold VARCHAR(64) NOT NULL,
	purpose VARCHAR(64) NOT NULL,
	look_at BIGINT NOT NULL,
	PRIMARY KEY (id, family)
);
CREATE INDEX owned_resources_look_at ON owned_resources (look_at);
CREATE INDEX owned_resources_organization ON owned_resources (organization, family, kind, at);
CREATE TABLE stored_conversation_items (
	conversation VARCHAR(64) NOT NULL,
	position BIGINT NOT NULL,
	item VARCHAR(128) NOT NULL,
	size INTEGER NOT NULL,
	content BYTEA NOT NULL,
	PRIMARY KEY (conversation, position),
	UNIQUE (conversation, item)
);
CREATE TABLE stored_conversations (
	id VARCHAR(64) NOT NULL,
	organization VARCHAR(128) NOT NULL,
	at BIGINT NOT NULL,
	used_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	version BIGINT NOT NULL,
	holder VARCHAR(64) NOT NULL,
	held_until BIGINT NOT NULL,
	bytes BIGINT NOT NULL,
	content BYTEA NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX stored_conversations_expires_at ON stored_conversations (expires_at);
CREATE INDEX stored_conversations_organization ON stored_conversations (organization, used_at, bytes);
CREATE TABLE stored_events (
	organization VARCHAR(128) NOT NULL,
	response VARCHAR(64) NOT NULL,
	first INTEGER NOT NULL,
	last INTEGER NOT NULL,
	content BYTEA NOT NULL,
	PRIMARY KEY (response, first)
);
CREATE TABLE stored_items (
	organization VARCHAR(128) NOT NULL,
	item VARCHAR(128) NOT NULL,
	response VARCHAR(64) NOT NULL,
	size INTEGER NOT NULL,
	content BYTEA NOT NULL,
	PRIMARY KEY (organization, item)
);
CREATE INDEX stored_items_response ON stored_items (response);
CREATE TABLE stored_responses (
	id VARCHAR(64) NOT NULL,
	organization VARCHAR(128) NOT NULL,
	previous VARCHAR(64),
	at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	bytes INTEGER NOT NULL,
	size INTEGER NOT NULL,
	content BYTEA NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX stored_responses_expires_at ON stored_responses (expires_at);
CREATE INDEX stored_responses_organization ON stored_responses (organization, at, bytes);
CREATE TABLE stored_runs (
	id VARCHAR(64) NOT NULL,
	organization VARCHAR(128) NOT NULL,
	beat_at BIGINT NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX stored_runs_organization ON stored_runs (organization);
CREATE TABLE usage (
	hold_id VARCHAR(40) NOT NULL,
	seq INTEGER NOT NULL,
	status VARCHAR(16) NOT NULL,
	admitted_at BIGINT NOT NULL,
	closed_at BIGINT NOT NULL,
	day VARCHAR(10) NOT NULL,
	period VARCHAR(10),
	request_id VARCHAR(128),
	organization TEXT NOT NULL,
	team TEXT,
	key_id TEXT,
	end_user VARCHAR(64),
	tier TEXT,
	run VARCHAR(128),
	asked TEXT,
	operation VARCHAR(64),
	route TEXT,
	backend TEXT,
	model TEXT,
	requests INTEGER NOT NULL,
	tokens BIGINT NOT NULL,
	input_tokens BIGINT NOT NULL,
	output_tokens BIGINT NOT NULL,
	cached_tokens BIGINT NOT NULL,
	cache_write_tokens BIGINT DEFAULT 0 NOT NULL,
	reasoning_tokens BIGINT NOT NULL,
	images BIGINT NOT NULL,
	seconds BIGINT NOT NULL,
	characters BIGINT NOT NULL,
	searches BIGINT NOT NULL,
	bytes BIGINT NOT NULL,
	counts TEXT,
	cost_pico BIGINT NOT NULL,
	baseline TEXT,
	baseline_pico BIGINT,
	price_version TEXT,
	service_tier TEXT,
	estimated BOOLEAN NOT NULL,
	busy_ms BIGINT NOT NULL,
	energy_mj BIGINT,
	energy_source VARCHAR(16),
	predicted FLOAT,
	verifier VARCHAR(120),
	rejected_pico BIGINT,
	judge_pico BIGINT,
	direct_pico BIGINT,
	PRIMARY KEY (hold_id, seq)
);
CREATE INDEX usage_by_day ON usage (day);
CREATE INDEX usage_by_organization ON usage (organization, admitted_at);
CREATE TABLE turnout_schema (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT turnout_schema_pkc PRIMARY KEY (version_num)
);
INSERT INTO turnout_schema (version_num) VALUES ('0001');
