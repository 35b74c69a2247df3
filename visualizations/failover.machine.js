import { createMachine } from 'xstate'

export const failoverMachine = createMachine({
  "id": "failover",
  "type": "parallel",
  "entry": [
    {
      "type": "watch"
    }
  ],
  "on": {
    "permit.request": [
      {
        "actions": [
          {
            "type": "noteRequest"
          },
          {
            "type": "route"
          }
        ]
      }
    ],
    "permit.withdraw": [
      {
        "actions": [
          {
            "type": "withdraw"
          }
        ]
      }
    ],
    "permit.cancel": [
      {
        "actions": [
          {
            "type": "cancel"
          }
        ]
      }
    ],
    "export.reported": [
      {
        "actions": [
          {
            "type": "passReport"
          }
        ]
      }
    ],
    "breaker.configure": [
      {
        "actions": [
          {
            "type": "passToAll"
          }
        ]
      }
    ],
    "breaker.renew": [
      {
        "actions": [
          {
            "type": "passToAll"
          }
        ]
      }
    ],
    "permit.granted": [
      {
        "guard": {
          "type": "isAsked"
        },
        "actions": [
          {
            "type": "passOn"
          }
        ]
      },
      {
        "actions": [
          {
            "type": "giveBack"
          }
        ]
      }
    ],
    "permit.denied": [
      {
        "guard": {
          "type": "isAsked"
        },
        "actions": [
          {
            "type": "noteDenial"
          },
          {
            "type": "route"
          }
        ]
      }
    ],
    "permit.revoked": [
      {
        "guard": {
          "type": "isGranted"
        },
        "actions": [
          {
            "type": "passRevocation"
          }
        ]
      }
    ],
    "breaker.shown": [
      {
        "actions": [
          {
            "type": "noteShown"
          }
        ]
      }
    ],
    "failover.endpoints": [
      {
        "actions": [
          {
            "type": "takeEndpoints"
          },
          {
            "type": "watch"
          }
        ]
      }
    ]
  },
  "states": {
    "serving": {
      "initial": "primary",
      "states": {
        "primary": {
          "entry": [
            {
              "type": "choose"
            },
            {
              "type": "route"
            }
          ],
          "always": [
            {
              "target": "fallback",
              "guard": {
                "type": "fallbackServes"
              }
            },
            {
              "target": "none",
              "guard": {
                "type": "noneServes"
              }
            }
          ]
        },
        "fallback": {
          "entry": [
            {
              "type": "choose"
            },
            {
              "type": "route"
            }
          ],
          "always": [
            {
              "target": "primary",
              "guard": {
                "type": "primaryServes"
              }
            },
            {
              "target": "none",
              "guard": {
                "type": "noneServes"
              }
            },
            {
              "target": "fallback",
              "guard": {
                "type": "otherFallbackServes"
              },
              "reenter": true
            }
          ]
        },
        "none": {
          "entry": [
            {
              "type": "choose"
            },
            {
              "type": "route"
            }
          ],
          "always": [
            {
              "target": "primary",
              "guard": {
                "type": "primaryServes"
              }
            },
            {
              "target": "fallback",
              "guard": {
                "type": "fallbackServes"
              }
            },
            {
              "guard": {
                "type": "canBePlaced"
              },
              "actions": [
                {
                  "type": "route"
                }
              ]
            }
          ]
        }
      }
    },
    "probe": {
      "initial": "waiting",
      "states": {
        "waiting": {
          "always": [
            {
              "target": "due",
              "guard": {
                "type": "betterMayBeProbed"
              }
            }
          ]
        },
        "due": {
          "entry": [
            {
              "type": "recall"
            }
          ],
          "on": {
            "permit.request": [
              {
                "target": "asking",
                "guard": {
                  "type": "isNoFlush"
                },
                "actions": [
                  {
                    "type": "noteRequest"
                  }
                ]
              }
            ]
          },
          "always": [
            {
              "target": "waiting",
              "guard": {
                "type": "nothingToProbe"
              }
            },
            {
              "target": "asking",
              "guard": {
                "type": "hasWork"
              }
            }
          ]
        },
        "asking": {
          "entry": [
            {
              "type": "requestProbe"
            }
          ],
          "on": {
            "permit.granted": [
              {
                "target": "probing",
                "guard": {
                  "type": "isProbe"
                },
                "actions": [
                  {
                    "type": "beginProbe"
                  }
                ]
              }
            ],
            "permit.request": [
              {
                "actions": [
                  {
                    "type": "noteRequest"
                  }
                ]
              }
            ]
          },
          "always": [
            {
              "target": "waiting",
              "guard": {
                "type": "probeIsOff"
              },
              "actions": [
                {
                  "type": "withdrawProbe"
                },
                {
                  "type": "route"
                }
              ]
            }
          ]
        },
        "probing": {
          "entry": [
            {
              "type": "route"
            }
          ],
          "invoke": [
            {
              "src": "exportProbe",
              "onDone": [
                {
                  "target": "waiting",
                  "actions": [
                    {
                      "type": "reportProbe"
                    }
                  ]
                }
              ],
              "onError": [
                {
                  "target": "waiting",
                  "actions": [
                    {
                      "type": "noteError"
                    },
                    {
                      "type": "cancelProbe"
                    }
                  ]
                }
              ]
            }
          ]
        }
      }
    }
  }
})
