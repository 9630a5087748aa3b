import CallModel
import PolicyEngine

/// A policy request as it goes on the wire: `GET`, no body, everything in path and query (routing reference §9).
public struct PolicyHTTPRequest: Sendable {
  public let id: RequestID
  public let kind: PolicyRequestKind
  public let server: PolicyServerURL
  /// Path and query. Holds what the server must know and a log must not (a meeting passcode): use ``loggedTarget`` there.
  public let target: String
  /// ``target`` with secret values left out.
  public let loggedTarget: String
  /// The value of the Authorization header.
  public let authorization: Secret?

  /// Why a question cannot be put.
  public enum Refusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// The alias that ends the path is empty or would be taken for a step through directories.
    case alias
    /// Common servers refuse longer request lines.
    case targetTooLong(bytes: Int)

    public var description: String {
      switch self {
      case .alias: "the alias cannot be part of a path"
      case .targetTooLong(let bytes):
        "path and query have \(bytes) bytes, the limit is \(PolicyHTTPRequest.maximumTargetLength)"
      }
    }
  }

  /// Bytes of path and query. nginx, aiohttp and others take request lines of about 8 KiB.
  public static let maximumTargetLength = 8_000

  /// Text that callers choose and that decides nothing is cut at this length, as the fields of answers are.
  static let maximumFreeTextLength = 250

  public init(
    _ request: ExternalPolicyRequest, id: RequestID, server: PolicyServerURL, credential: Credential?
  ) throws(Refusal) {
    self.id = id
    kind = request.kind
    self.server = server
    authorization = credential?.basicAuthorization
    var target = Array(server.prefix.utf8)
    target += request.kind.path.utf8
    if let alias = request.pathAlias {
      guard !alias.isEmpty, alias != ".", alias != ".." else { throw .alias }
      target.append(UInt8(ascii: "/"))
      FormEncoding.appendSegment(alias, to: &target)
    }
    var logged = target
    for (i, parameter) in request.parameters(requestID: id).enumerated() {
      let separator = i == 0 ? UInt8(ascii: "?") : UInt8(ascii: "&")
      var value = parameter.value
      if parameter.name == "vendor" || parameter.name == "remote_display_name" {
        value = String(value.prefix(PolicyHTTPRequest.maximumFreeTextLength))
      }
      target.append(separator)
      FormEncoding.appendQuery(parameter.name, to: &target)
      target.append(UInt8(ascii: "="))
      FormEncoding.appendQuery(value, to: &target)
      logged.append(separator)
      FormEncoding.appendQuery(parameter.name, to: &logged)
      logged.append(UInt8(ascii: "="))
      if !parameter.isSecret { FormEncoding.appendQuery(value, to: &logged) }
    }
    guard target.count <= PolicyHTTPRequest.maximumTargetLength else {
      throw .targetTooLong(bytes: target.count)
    }
    self.target = String(decoding: target, as: UTF8.self)
    loggedTarget = String(decoding: logged, as: UTF8.self)
  }

  /// For logs and records.
  public var loggedURL: String {
    "\(server.isSecure ? "https" : "http")://\(server.authority)\(loggedTarget)"
  }

  /// The header fields beside Host and Authorization, in the order they are sent.
  public var headers: [(name: String, value: String)] {
    [
      ("Accept", kind.accept),
      // Answers are small, and a compressed one could be a thousand times its size.
      ("Accept-Encoding", "identity"),
      ("X-Request-Id", id.description),
      ("User-Agent", "Tandem"),
    ]
  }
}

extension PolicyHTTPRequest: CustomStringConvertible {
  public var description: String { "GET \(loggedURL)" }
}

extension Credential {
  /// HTTP Basic (RFC 7617): sent with every request, without waiting to be asked.
  var basicAuthorization: Secret {
    Secret("Basic " + Credential.base64(Array("\(username):\(password.reveal())".utf8)))
  }

  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// RFC 4648 §4.
  static func base64(_ bytes: [UInt8]) -> String {
    var result: [UInt8] = []
    result.reserveCapacity((bytes.count + 2) / 3 * 4)
    var i = 0
    while i < bytes.count {
      let group = (0..<3).reduce(UInt32(0)) { $0 << 8 | (i + $1 < bytes.count ? UInt32(bytes[i + $1]) : 0) }
      for j in 0..<4 {
        let digit = Int(group >> UInt32(18 - 6 * j) & 63)
        result.append(i + j <= bytes.count ? alphabet[digit] : UInt8(ascii: "="))
      }
      i += 3
    }
    return String(decoding: result, as: UTF8.self)
  }
}
