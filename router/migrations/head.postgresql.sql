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
CREATE TABLE admin_sessions (
	session VARCHAR(40) NOT NULL,
	hash BYTEA NOT NULL,
	issuer TEXT NOT NULL,
	subject VARCHAR(255) NOT NULL,
	name VARCHAR(128) NOT NULL,
	group_name VARCHAR(256) NOT NULL,
	role VARCHAR(20) NOT NULL,
	organization VARCHAR(128),
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	PRIMARY KEY (session),
	UNIQUE (hash)
);
CREATE INDEX admin_sessions_expires_at ON admin_sessions (expires_at);
CREATE TABLE alert_claims (
	name VARCHAR(64) NOT NULL,
	until BIGINT NOT NULL,
	PRIMARY KEY (name)
);
CREATE TABLE alert_deliveries (
	alert VARCHAR(64) NOT NULL,
	destination VARCHAR(128) NOT NULL,
	state VARCHAR(16) NOT NULL,
	tries INTEGER NOT NULL,
	begun_at BIGINT NOT NULL,
	next_at BIGINT NOT NULL,
	done_at BIGINT,
	said VARCHAR(256) NOT NULL,
	PRIMARY KEY (alert, destination)
);
CREATE INDEX alert_deliveries_due ON alert_deliveries (state, next_at);
CREATE TABLE alert_destinations_disabled (
	destination VARCHAR(128) NOT NULL,
	place VARCHAR(64) NOT NULL,
	at BIGINT NOT NULL,
	why VARCHAR(256) NOT NULL,
	PRIMARY KEY (destination)
);
CREATE TABLE alerts (
	id VARCHAR(64) NOT NULL,
	kind VARCHAR(64) NOT NULL,
	at BIGINT NOT NULL,
	organization VARCHAR(128) NOT NULL,
	text TEXT NOT NULL,
	facts TEXT NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX alerts_at ON alerts (at);
CREATE TABLE api_keys (
	key_id VARCHAR(40) NOT NULL,
	key_hash BYTEA NOT NULL,
	organization VARCHAR(128) NOT NULL,
	team VARCHAR(128),
	tier VARCHAR(128) NOT NULL,
	created_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
	revoked_at TIMESTAMP WITHOUT TIME ZONE,
	name VARCHAR(128),
	tags JSON,
	expires_at BIGINT,
	routes JSON,
	models JSON,
	limits JSON,
	replaced_by VARCHAR(40),
	last_used_at BIGINT,
	created_by VARCHAR(300),
	version BIGINT DEFAULT 1 NOT NULL,
	changed BIGINT DEFAULT 0 NOT NULL,
	PRIMARY KEY (key_id),
	UNIQUE (key_hash)
);
CREATE INDEX api_keys_changed ON api_keys (changed);
CREATE INDEX api_keys_organization ON api_keys (organization);
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
CREATE TABLE credits (
	id VARCHAR(128) NOT NULL,
	organization VARCHAR(128) NOT NULL,
	amount_nano BIGINT NOT NULL,
	at BIGINT NOT NULL,
	by VARCHAR(300) NOT NULL,
	note TEXT NOT NULL,
	PRIMARY KEY (id, organization)
);
CREATE INDEX credits_organization ON credits (organization, at);
CREATE TABLE customers_version (
	id INTEGER NOT NULL,
	version BIGINT NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE decision_records (
	decision VARCHAR(64) NOT NULL,
	at BIGINT NOT NULL,
	organization TEXT NOT NULL,
	team TEXT,
	key_id TEXT,
	tier TEXT,
	denied VARCHAR(64),
	level VARCHAR(32),
	count INTEGER NOT NULL,
	record BYTEA NOT NULL,
	PRIMARY KEY (decision)
);
CREATE INDEX decision_records_at ON decision_records (at);
CREATE INDEX decision_records_denied ON decision_records (organization, at) WHERE denied IS NOT NULL;
CREATE INDEX decision_records_organization ON decision_records (organization, at);
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
CREATE TABLE organizations (
	organization VARCHAR(128) NOT NULL,
	tier VARCHAR(128) NOT NULL,
	timezone VARCHAR(64),
	billing_day INTEGER,
	tags JSON,
	limits JSON,
	raised JSON,
	suspended_at BIGINT,
	suspended_why TEXT,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	version BIGINT DEFAULT 1 NOT NULL,
	changed BIGINT DEFAULT 0 NOT NULL,
	PRIMARY KEY (organization)
);
CREATE INDEX organizations_changed ON organizations (changed);
CREATE INDEX organizations_tier ON organizations (tier);
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
CREATE TABLE provider_credentials (
	organization VARCHAR(128) NOT NULL,
	backend VARCHAR(128) NOT NULL,
	sealed BYTEA NOT NULL,
	fingerprint VARCHAR(16) NOT NULL,
	fallback BOOLEAN NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	updated_by VARCHAR(300) NOT NULL,
	last_used_at BIGINT,
	refused_at BIGINT,
	refused_why VARCHAR(64),
	version BIGINT NOT NULL,
	PRIMARY KEY (organization, backend)
);
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
CREATE TABLE teams (
	organization VARCHAR(128) NOT NULL,
	team VARCHAR(128) NOT NULL,
	parent VARCHAR(128),
	tags JSON,
	limits JSON,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	version BIGINT DEFAULT 1 NOT NULL,
	PRIMARY KEY (organization, team)
);
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
	credential VARCHAR(8),
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
CREATE INDEX usage_by_admission ON usage (admitted_at);
CREATE INDEX usage_by_day ON usage (day);
CREATE INDEX usage_by_organization ON usage (organization, admitted_at);
CREATE TABLE usage_rolled (
	number INTEGER NOT NULL,
	rolled BIGINT NOT NULL,
	pruned BIGINT NOT NULL,
	holder VARCHAR(64) NOT NULL,
	held_until BIGINT NOT NULL,
	PRIMARY KEY (number)
);
CREATE TABLE usage_rollups (
	id VARCHAR(32) NOT NULL,
	hour INTEGER NOT NULL,
	day TEXT NOT NULL,
	period TEXT,
	organization TEXT,
	team TEXT,
	key_id TEXT,
	end_user TEXT,
	tier TEXT,
	asked TEXT,
	operation TEXT,
	route TEXT,
	backend TEXT,
	model TEXT,
	credential TEXT,
	service_tier TEXT,
	status TEXT,
	baseline TEXT,
	verifier TEXT,
	energy_source TEXT,
	process TEXT,
	served INTEGER,
	first_at BIGINT NOT NULL,
	first_hold VARCHAR(40) NOT NULL,
	requests BIGINT NOT NULL,
	tokens BIGINT NOT NULL,
	input_tokens BIGINT NOT NULL,
	output_tokens BIGINT NOT NULL,
	cached_tokens BIGINT NOT NULL,
	cache_write_tokens BIGINT NOT NULL,
	reasoning_tokens BIGINT NOT NULL,
	images BIGINT NOT NULL,
	seconds BIGINT NOT NULL,
	characters BIGINT NOT NULL,
	searches BIGINT NOT NULL,
	bytes BIGINT NOT NULL,
	busy_ms BIGINT NOT NULL,
	energy_mj BIGINT NOT NULL,
	counted BIGINT NOT NULL,
	uncompared BIGINT NOT NULL,
	metered BIGINT NOT NULL,
	judged BIGINT NOT NULL,
	predicted_nano BIGINT NOT NULL,
	cost_pico_high BIGINT NOT NULL,
	cost_pico_low BIGINT NOT NULL,
	baseline_pico_high BIGINT NOT NULL,
	baseline_pico_low BIGINT NOT NULL,
	rejected_pico_high BIGINT NOT NULL,
	rejected_pico_low BIGINT NOT NULL,
	judge_pico_high BIGINT NOT NULL,
	judge_pico_low BIGINT NOT NULL,
	direct_pico_high BIGINT NOT NULL,
	direct_pico_low BIGINT NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX usage_rollups_day ON usage_rollups (day);
CREATE INDEX usage_rollups_hour ON usage_rollups (hour);
CREATE INDEX usage_rollups_organization ON usage_rollups (organization, day);
CREATE TABLE turnout_schema (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT turnout_schema_pkc PRIMARY KEY (version_num)
);
INSERT INTO turnout_schema (version_num) VALUES ('0001');
