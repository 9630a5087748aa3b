import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import PolicyHooks

extension PolicyTransportFailure {
  /// What an error of the HTTP client says; nil: the connection was closed.
  init?(_ error: any Error, duringConnection: Bool) {
    switch error {
    case let error as NIOConnectionError:
      let reasons = error.connectionErrors.map { PolicyTransportFailure.reason($0.error) }
      if reasons.isEmpty, error.dnsAError != nil || error.dnsAAAAError != nil {
        self = .nameResolution(error.host)
      } else {
        // One for each address: the first says enough.
        self = .connection(reasons.first ?? "no address could be reached")
      }
    case let error as IOError:
      if error.errnoCode == ECONNRESET || error.errnoCode == EPIPE { return nil }
      self = .connection(PolicyTransportFailure.reason(error))
    case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError:
      if case .uncleanShutdown? = error as? NIOSSLError { return nil }
      self = .tls(PolicyTransportFailure.reason(error))
    case let error as HTTPClientError:
      switch error {
      case .remoteConnectionClosed, .uncleanShutdown: return nil
      case .connectTimeout: self = .connection("no answer")
      case .tlsHandshakeTimeout: self = .tls("the handshake did not end")
      case .invalidProxyResponse, .proxyAuthenticationRequired, .httpProxyHandshakeTimeout:
        self = .proxy(error.shortDescription)
      case .cancelled, .deadlineExceeded: self = .connection("given up")
      default: self = .malformed(error.shortDescription)
      }
    case is CancellationError: self = .connection("given up")
    case HTTPParserError.invalidEOFState: return nil
    case is HTTPParserError: self = .malformed(PolicyTransportFailure.reason(error))
    case is ChannelError: return nil
    default:
      if duringConnection {
        self = .connection(PolicyTransportFailure.reason(error))
      } else {
        self = .malformed(PolicyTransportFailure.reason(error))
      }
    }
  }

  /// What TLS failures have in their description, and what they come from: the library's own words help nobody.
  private static let tlsReasons = [
    (
      sign: "CERTIFICATE_VERIFY_FAILED",
      reason: "the certificate is not trusted: it is self-signed or of an unknown authority, or out of date"
    ),
    (sign: "failedToValidateHostname", reason: "the certificate is not for this host"),
    (sign: "WRONG_VERSION_NUMBER", reason: "the server does not speak TLS"),
    (sign: "PROTOCOL_VERSION", reason: "the server speaks no TLS from 1.2 on"),
  ]

  /// One short line.
  private static func reason(_ error: any Error) -> String {
    if let error = error as? IOError { return String(cString: strerror(error.errnoCode)) }
    let text = String(describing: error)
    if let clear = tlsReasons.first(where: { text.contains($0.sign) }) { return clear.reason }
    return text.count > 200 ? text.prefix(200) + "…" : text
  }
}
