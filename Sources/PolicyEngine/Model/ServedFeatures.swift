import CallModel

// What of the policy language this version carries out. The rest is read and checked, so that a policy can be written for what is
// to come: calls that need it are refused (``Rejection/notServed``), and `tandem check` says so.

extension CallTarget {
  /// Whether calls to such targets are placed.
  public var isServed: Bool {
    switch self {
    case .external, .registration: true
    case .mssipConferenceID, .mssipServer, .gmsConference, .teamsConference, .teamsUser, .telehealthProfile:
      false
    }
  }
}

extension CallProtocol {
  /// Whether calls are placed in this protocol.
  public var isServedOutgoing: Bool { self == .sip }
}

extension ReceptionSettings.DialType {
  /// Whether what a caller enters can be looked up there.
  public var isServed: Bool { self == .regular }
}
