/// The header field names we know by number: RFC 3261 §20 and the extensions of the IANA registry that peers
/// use.
extension SIPHeaderName {
  public static let via = SIPHeaderName(known: 1)
  public static let from = SIPHeaderName(known: 2)
  public static let to = SIPHeaderName(known: 3)
  public static let callID = SIPHeaderName(known: 4)
  public static let cSeq = SIPHeaderName(known: 5)
  public static let contact = SIPHeaderName(known: 6)
  public static let maxForwards = SIPHeaderName(known: 7)
  public static let route = SIPHeaderName(known: 8)
  public static let recordRoute = SIPHeaderName(known: 9)
  public static let path = SIPHeaderName(known: 10)
  public static let serviceRoute = SIPHeaderName(known: 11)
  public static let require = SIPHeaderName(known: 12)
  public static let supported = SIPHeaderName(known: 13)
  public static let proxyRequire = SIPHeaderName(known: 14)
  public static let unsupported = SIPHeaderName(known: 15)
  public static let allow = SIPHeaderName(known: 16)
  public static let accept = SIPHeaderName(known: 17)
  public static let acceptContact = SIPHeaderName(known: 18)
  public static let acceptEncoding = SIPHeaderName(known: 19)
  public static let acceptLanguage = SIPHeaderName(known: 20)
  public static let acceptResourcePriority = SIPHeaderName(known: 21)
  public static let rejectContact = SIPHeaderName(known: 22)
  public static let requestDisposition = SIPHeaderName(known: 23)
  public static let contentType = SIPHeaderName(known: 24)
  public static let contentLength = SIPHeaderName(known: 25)
  public static let contentEncoding = SIPHeaderName(known: 26)
  public static let contentDisposition = SIPHeaderName(known: 27)
  public static let contentLanguage = SIPHeaderName(known: 28)
  public static let contentID = SIPHeaderName(known: 29)
  public static let expires = SIPHeaderName(known: 30)
  public static let minExpires = SIPHeaderName(known: 31)
  public static let date = SIPHeaderName(known: 32)
  public static let userAgent = SIPHeaderName(known: 33)
  public static let server = SIPHeaderName(known: 34)
  public static let subject = SIPHeaderName(known: 35)
  public static let organization = SIPHeaderName(known: 36)
  public static let priority = SIPHeaderName(known: 37)
  public static let resourcePriority = SIPHeaderName(known: 38)
  public static let warning = SIPHeaderName(known: 39)
  public static let retryAfter = SIPHeaderName(known: 40)
  public static let authorization = SIPHeaderName(known: 41)
  public static let proxyAuthorization = SIPHeaderName(known: 42)
  public static let wwwAuthenticate = SIPHeaderName(known: 43)
  public static let proxyAuthenticate = SIPHeaderName(known: 44)
  public static let authenticationInfo = SIPHeaderName(known: 45)
  public static let proxyAuthenticationInfo = SIPHeaderName(known: 46)
  public static let reason = SIPHeaderName(known: 47)
  public static let rAck = SIPHeaderName(known: 48)
  public static let rSeq = SIPHeaderName(known: 49)
  public static let sessionExpires = SIPHeaderName(known: 50)
  public static let minSE = SIPHeaderName(known: 51)
  public static let referTo = SIPHeaderName(known: 52)
  public static let referredBy = SIPHeaderName(known: 53)
  public static let referSub = SIPHeaderName(known: 54)
  public static let replaces = SIPHeaderName(known: 55)
  public static let event = SIPHeaderName(known: 56)
  public static let subscriptionState = SIPHeaderName(known: 57)
  public static let suppressIfMatch = SIPHeaderName(known: 58)
  public static let allowEvents = SIPHeaderName(known: 59)
  public static let pAssertedIdentity = SIPHeaderName(known: 60)
  public static let pPreferredIdentity = SIPHeaderName(known: 61)
  public static let pAssociatedURI = SIPHeaderName(known: 62)
  public static let pAccessNetworkInfo = SIPHeaderName(known: 63)
  public static let pCalledPartyID = SIPHeaderName(known: 64)
  public static let pChargingVector = SIPHeaderName(known: 65)
  public static let pEarlyMedia = SIPHeaderName(known: 66)
  public static let pVisitedNetworkID = SIPHeaderName(known: 67)
  public static let privacy = SIPHeaderName(known: 68)
  public static let diversion = SIPHeaderName(known: 69)
  public static let historyInfo = SIPHeaderName(known: 70)
  public static let alertInfo = SIPHeaderName(known: 71)
  public static let callInfo = SIPHeaderName(known: 72)
  public static let errorInfo = SIPHeaderName(known: 73)
  public static let inReplyTo = SIPHeaderName(known: 74)
  public static let replyTo = SIPHeaderName(known: 75)
  public static let mimeVersion = SIPHeaderName(known: 76)
  public static let timestamp = SIPHeaderName(known: 77)
  public static let join = SIPHeaderName(known: 78)
  public static let targetDialog = SIPHeaderName(known: 79)
  public static let sipETag = SIPHeaderName(known: 80)
  public static let sipIfMatch = SIPHeaderName(known: 81)
  public static let flowTimer = SIPHeaderName(known: 82)
  public static let userToUser = SIPHeaderName(known: 83)
  public static let remotePartyID = SIPHeaderName(known: 84)
  public static let infoPackage = SIPHeaderName(known: 85)
  public static let recvInfo = SIPHeaderName(known: 86)
  public static let identity = SIPHeaderName(known: 87)
  public static let identityInfo = SIPHeaderName(known: 88)
  public static let geolocation = SIPHeaderName(known: 89)
  public static let geolocationError = SIPHeaderName(known: 90)
  public static let geolocationRouting = SIPHeaderName(known: 91)
  public static let maxBreadth = SIPHeaderName(known: 92)
  public static let permissionMissing = SIPHeaderName(known: 93)
  public static let triggerConsent = SIPHeaderName(known: 94)
  public static let sessionID = SIPHeaderName(known: 95)
  public static let securityClient = SIPHeaderName(known: 96)
  public static let securityServer = SIPHeaderName(known: 97)
  public static let securityVerify = SIPHeaderName(known: 98)
  public static let answerMode = SIPHeaderName(known: 99)
  public static let privAnswerMode = SIPHeaderName(known: 100)
  public static let policyContact = SIPHeaderName(known: 101)
  public static let policyID = SIPHeaderName(known: 102)
  public static let featureCaps = SIPHeaderName(known: 103)
  public static let referEventsAt = SIPHeaderName(known: 104)
}

/// Canonical spelling of each known name, at the index it has in ``SIPHeaderName``.
let knownHeaderSpellings: [StaticString] = [
  "",
  "Via",
  "From",
  "To",
  "Call-ID",
  "CSeq",
  "Contact",
  "Max-Forwards",
  "Route",
  "Record-Route",
  "Path",
  "Service-Route",
  "Require",
  "Supported",
  "Proxy-Require",
  "Unsupported",
  "Allow",
  "Accept",
  "Accept-Contact",
  "Accept-Encoding",
  "Accept-Language",
  "Accept-Resource-Priority",
  "Reject-Contact",
  "Request-Disposition",
  "Content-Type",
  "Content-Length",
  "Content-Encoding",
  "Content-Disposition",
  "Content-Language",
  "Content-ID",
  "Expires",
  "Min-Expires",
  "Date",
  "User-Agent",
  "Server",
  "Subject",
  "Organization",
  "Priority",
  "Resource-Priority",
  "Warning",
  "Retry-After",
  "Authorization",
  "Proxy-Authorization",
  "WWW-Authenticate",
  "Proxy-Authenticate",
  "Authentication-Info",
  "Proxy-Authentication-Info",
  "Reason",
  "RAck",
  "RSeq",
  "Session-Expires",
  "Min-SE",
  "Refer-To",
  "Referred-By",
  "Refer-Sub",
  "Replaces",
  "Event",
  "Subscription-State",
  "Suppress-If-Match",
  "Allow-Events",
  "P-Asserted-Identity",
  "P-Preferred-Identity",
  "P-Associated-URI",
  "P-Access-Network-Info",
  "P-Called-Party-ID",
  "P-Charging-Vector",
  "P-Early-Media",
  "P-Visited-Network-ID",
  "Privacy",
  "Diversion",
  "History-Info",
  "Alert-Info",
  "Call-Info",
  "Error-Info",
  "In-Reply-To",
  "Reply-To",
  "MIME-Version",
  "Timestamp",
  "Join",
  "Target-Dialog",
  "SIP-ETag",
  "SIP-If-Match",
  "Flow-Timer",
  "User-to-User",
  "Remote-Party-ID",
  "Info-Package",
  "Recv-Info",
  "Identity",
  "Identity-Info",
  "Geolocation",
  "Geolocation-Error",
  "Geolocation-Routing",
  "Max-Breadth",
  "Permission-Missing",
  "Trigger-Consent",
  "Session-ID",
  "Security-Client",
  "Security-Server",
  "Security-Verify",
  "Answer-Mode",
  "Priv-Answer-Mode",
  "Policy-Contact",
  "Policy-ID",
  "Feature-Caps",
  "Refer-Events-At",
]

/// Compact forms (RFC 3261 §7.3.3 and the extensions that define one): the letter, and the name it stands
/// for.
let compactHeaderForms: [(letter: StaticString, name: SIPHeaderName)] = [
  ("v", .via),
  ("f", .from),
  ("t", .to),
  ("i", .callID),
  ("m", .contact),
  ("k", .supported),
  ("a", .acceptContact),
  ("j", .rejectContact),
  ("d", .requestDisposition),
  ("c", .contentType),
  ("l", .contentLength),
  ("e", .contentEncoding),
  ("s", .subject),
  ("x", .sessionExpires),
  ("r", .referTo),
  ("b", .referredBy),
  ("o", .event),
  ("u", .allowEvents),
  ("y", .identity),
  ("n", .identityInfo),
]
