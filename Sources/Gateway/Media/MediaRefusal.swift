import CallModel

/// Why two sides could not agree on media.
enum MediaRefusal: Error, Equatable {
  /// No local port was free.
  case noPort
  /// Nothing that both sides and the rule allow.
  case nothingInCommon
  /// Encryption is required and the side cannot, or is forbidden and the side insists.
  case encryption
  /// The answer does not fit the offer (RFC 3264 §6).
  case badAnswer
  /// An answer was due and did not come.
  case noAnswer

  var disconnect: Disconnect {
    switch self {
    case .noPort: Disconnect(.congestion, text: "No media port free")
    case .nothingInCommon: Disconnect(.notAcceptable, text: "No media in common")
    case .encryption: Disconnect(.encryptionRequired, text: "Media encryption does not fit")
    case .badAnswer: Disconnect(.protocolError, text: "Answer does not fit the offer")
    case .noAnswer: Disconnect(.protocolError, text: "No answer to the offer")
    }
  }
}
