/// The names an answer may refer to. Names are compared as written, with case (routing reference §12.1).
public struct ConfiguredNames: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    case location, trunk, h323Gatekeeper, mssipProxy, stunServer, turnServer, teamsProxy, gmsAccessToken
    case theme, identityProviderGroup, playlist

    var noun: String {
      switch self {
      case .location: "location"
      case .trunk: "SIP proxy"
      case .h323Gatekeeper: "H.323 gatekeeper"
      case .mssipProxy: "Skype for Business proxy"
      case .stunServer: "STUN server"
      case .turnServer: "TURN server"
      case .teamsProxy: "Teams proxy"
      case .gmsAccessToken: "Google Meet access token"
      case .theme: "theme"
      case .identityProviderGroup: "identity provider group"
      case .playlist: "playlist"
      }
    }
  }

  private var names: [Kind: Set<String>]

  public init(_ names: [Kind: Set<String>] = [:]) { self.names = names }

  public subscript(kind: Kind) -> Set<String> {
    get { names[kind] ?? [] }
    set { names[kind] = newValue }
  }

  func contains(_ name: String, _ kind: Kind) -> Bool { names[kind]?.contains(name) ?? false }
}
