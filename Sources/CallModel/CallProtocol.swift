/// The protocol a participant speaks, under the names policy servers use (`protocol=` in a policy request).
public enum CallProtocol: String, Hashable, Sendable, CaseIterable {
  case sip
  case h323
  case mssip
  case webrtc
  case rtmp
  case teams
  /// The app's first stage, before it has media.
  case api
  /// Google Meet; only ever an outgoing protocol.
  case gms
}

/// Why the Router is asked (`call_direction=` in a policy request).
public enum CallDirection: String, Hashable, Sendable, CaseIterable {
  case dialIn = "dial_in"
  case dialOut = "dial_out"
  /// A look-up without a call: SIP OPTIONS and SUBSCRIBE, H.323 LRQ and ARQ.
  case nonDial = "non_dial"
}

/// What made the Router be asked (`trigger=` in a policy request).
public enum CallTrigger: String, Hashable, Sendable, CaseIterable {
  case web
  case webAvatarFetch = "web_avatar_fetch"
  case invite
  case options
  case subscribe
  case setup
  case arq
  case lrq
  case twoStageDialing = "two_stage_dialing"
  case teams
  case unspecified
}
