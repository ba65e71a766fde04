// Types of client.js: what the field's reference client calls Daily…, and what is ours beside it. See docs/client.md.

export type AccessLevel = 'none' | 'lobby' | 'full';
export type SpecifiedAccess = { level: AccessLevel };
export type Access = 'unknown' | SpecifiedAccess;
export type AccessState = { access: Access; awaitingAccess?: SpecifiedAccess };
export type AccessRequest = { access?: { level: 'full' }; name: string; message?: string };

export type FatalErrorType =
  | 'ejected' | 'nbf-room' | 'nbf-token' | 'exp-room' | 'exp-token' | 'no-room' | 'meeting-full' | 'end-of-life' | 'not-allowed'
  | 'connection-error';

/** What a rejected promise holds. `code` is one of the gateway's (docs/codes.md), or `unreachable`, `destroyed`. */
export interface CallError extends Error {
  type?: FatalErrorType;
  code?: string;
  /** Seconds until it may be tried again. */
  retryAfter?: number;
  /** HTTP status of the answer, where there was one. */
  status?: number;
  /** Who was faster, at a conflict. */
  by?: string;
  /** At `updateWaitingParticipants`: every one that came too late. */
  conflicts?: Conflict[];
}

export interface CallOptions {
  /** The room's address; its last part is the room's name, and a `t` in its query the token. */
  url?: string;
  /** The room's name, where its address does not end in it. */
  room?: string;
  /** A meeting token. */
  token?: string;
  /** Where the gateway is, if neither `url` nor this file is from there: `https://meet.example.org`. */
  gateway?: string;
  /** By what the audit trail says that orders came: `door`, `overlay`, otherwise `api`. */
  through?: 'door' | 'overlay';
}

/** Why somebody stands where they stand. */
export interface AccessDetails {
  /** The gateway's code: `may-knock`, `waiting`, `denied`, `full` (no place left), `banned`, … (docs/codes.md). */
  code?: string;
  /** What was wrong with the token. */
  tokenCode?: string;
  /** Seconds until one may knock again. */
  retryAfter?: number;
  /** As what one waits. */
  name?: string;
  message?: string;
  /** While waiting: whether somebody who can open is there. */
  opener?: boolean;
  /** Waits because an owner moved them back. */
  movedBack?: boolean;
  /** RFC 3339: when the room opens. */
  opens?: string;
  /** Path of the room's page, for those who may enter. */
  page?: string;
  /** Whether one may decide about others. */
  owner?: boolean;
}

export interface WaitingParticipant {
  id: string;
  name: string;
  awaitingAccess: SpecifiedAccess;
  message?: string;
  /** Grows when they change their name or message. */
  version: number;
  /** RFC 3339. */
  since: string;
  movedBack?: boolean;
}

export interface WaitingParticipantUpdateOptions {
  grantRequestedAccess?: boolean;
  /** The same for whoever knocks until the meeting ends. With `*`. */
  remember?: boolean;
  /** Which version was seen; otherwise the latest that came with an event. */
  version?: number;
}

export interface Conflict {
  id?: string;
  error: string;
  /** `gone`, `first-allowed`, `first-denied`, `renamed`. */
  code: string;
  info: string;
  by?: string;
}

export interface Participant {
  id: string;
  name: string;
  owner: boolean;
  you: boolean;
  since: string;
}

export interface BannedParticipant {
  id: string;
  name: string;
  /** `false`: removed until the meeting ends. */
  banned: boolean;
  lasting: boolean;
  by: string;
  since: string;
}

export interface RememberedChoice {
  answer: 'allow' | 'deny';
  by?: string;
  since?: string;
}

export interface RemoveOptions {
  /** Keeps them out until the meeting ends. */
  ban?: boolean;
  /** With `ban`: for good. */
  lasting?: boolean;
  /** With `ban`: everybody from their network as well. */
  network?: boolean;
}

export interface EventMap {
  'access-state-updated': AccessState & { details: AccessDetails };
  'waiting-participant-added': { participant: WaitingParticipant };
  'waiting-participant-updated': { participant: WaitingParticipant };
  'waiting-participant-removed': { participant: WaitingParticipant; outcome?: 'allowed' | 'denied' | 'left'; by?: string };
  'presence-updated': { participants: Record<string, Participant>; banned: Record<string, BannedParticipant> };
  'remembered-choice-updated': { choice: RememberedChoice | null };
  'connection-updated': { state: 'ok' | 'interrupted' };
  error: { errorMsg: string; error?: { type: FatalErrorType; msg: string; details?: AccessDetails } };
}
export type EventName = keyof EventMap;
export type CallEvent<T extends EventName> = EventMap[T] & { action: T; callClientId: string };
export type Listener<T extends EventName> = (event: CallEvent<T>) => void;

export interface CallObject {
  readonly callClientId: string;

  preAuth(properties?: CallOptions): Promise<{ access: Access }>;
  accessState(): AccessState;
  accessDetails(): AccessDetails;
  requestAccess(request: AccessRequest): Promise<{ access: Access; granted: boolean }>;
  cancelRequest(): Promise<{ access: Access }>;

  waitingParticipants(): { [id: string]: WaitingParticipant };
  updateWaitingParticipant(id: string, updates: WaitingParticipantUpdateOptions): Promise<{ id: string }>;
  updateWaitingParticipants(updates: { [id: string]: WaitingParticipantUpdateOptions }): Promise<{ ids: string[]; conflicts: Conflict[] }>;
  rememberedChoice(): RememberedChoice | null;
  rememberChoice(answer: 'allow' | 'deny' | null): Promise<{ answer: 'allow' | 'deny' | null }>;

  participants(): { [id: string]: Participant };
  removeParticipant(id: string, options?: RemoveOptions): Promise<{ id: string }>;
  moveToWaitingRoom(id: string): Promise<{ id: string }>;
  bannedParticipants(): { [id: string]: BannedParticipant };
  liftBan(id: string): Promise<{ id: string }>;

  on<T extends EventName>(name: T, listener: Listener<T>): this;
  once<T extends EventName>(name: T, listener: Listener<T>): this;
  off<T extends EventName>(name: T, listener: Listener<T>): this;
  destroy(): Promise<void>;
}

export declare const ACCESS_LEVEL_FULL: 'full';
export declare const ACCESS_LEVEL_LOBBY: 'lobby';
export declare const ACCESS_LEVEL_NONE: 'none';
export declare const ACCESS_UNKNOWN: 'unknown';
export declare const DAILY_ACCESS_LEVEL_FULL: 'full';
export declare const DAILY_ACCESS_LEVEL_LOBBY: 'lobby';
export declare const DAILY_ACCESS_LEVEL_NONE: 'none';
export declare const DAILY_ACCESS_UNKNOWN: 'unknown';

export declare function createCallObject(properties?: CallOptions): CallObject;

declare const client: {
  createCallObject: typeof createCallObject;
  ACCESS_LEVEL_FULL: 'full';
  ACCESS_LEVEL_LOBBY: 'lobby';
  ACCESS_LEVEL_NONE: 'none';
  ACCESS_UNKNOWN: 'unknown';
};
export default client;
