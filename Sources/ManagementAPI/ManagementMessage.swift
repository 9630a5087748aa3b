/// A request to the management interface, however it came.
public struct ManagementRequest: Sendable {
  /// Upper case.
  public var method: String
  /// Percent-encoded, without the query.
  public var path: String
  /// Percent-encoded; empty: none.
  public var query: String
  public var contentType: String
  public var authorization: String?
  /// `Last-Event-ID`: from where an event stream is to go on.
  public var lastEventID: String?
  public var body: [UInt8]

  /// Bytes of a body; a longer one is refused before it is read whole.
  public static let maximumBody = 64 << 10

  public init(
    method: String, path: String, query: String = "", contentType: String = "", authorization: String? = nil,
    lastEventID: String? = nil, body: [UInt8] = []
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.contentType = contentType
    self.authorization = authorization
    self.lastEventID = lastEventID
    self.body = body
  }
}

public struct ManagementResponse: Sendable {
  public var status: Int
  /// JSON; empty: none.
  public var body: String
  /// In order, with the names as they are written.
  public var headers: [Header]
  /// What follows in the place of a body, as ``ServerSentEvents``, for as long as it lasts.
  public var events: (any ConferenceEvents)?

  public struct Header: Hashable, Sendable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  public init(_ status: Int, _ body: String = "", headers: [Header] = []) {
    self.status = status
    self.body = body
    self.headers = headers
  }
}
