import PolicyEngine

extension PolicyRequestKind {
  /// Below the profile's URL, without the alias that avatar and registration requests end in.
  var path: String {
    switch self {
    case .serviceConfiguration: "/policy/v1/service/configuration"
    case .participantProperties: "/policy/v1/participant/properties"
    case .mediaLocation: "/policy/v1/participant/location"
    case .avatar: "/policy/v1/participant/avatar"
    case .directory, .registration: "/policy/v1/registrations"
    }
  }

  /// The media type asked for. What comes back is judged by its content, not by its label.
  public var accept: String { self == .avatar ? "image/jpeg" : "application/json" }

  /// Bytes of the largest answer that is read. Answers of real servers are a few kilobytes.
  public var answerLimit: Int { self == .avatar ? 4 << 20 : 1 << 20 }
}
